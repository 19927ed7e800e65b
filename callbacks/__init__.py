"""Lightning callbacks: what happens around training and prediction, one per file."""

from callbacks.last_checkpoint import LastCheckpoint
from callbacks.mask_writer import MaskWriter
from callbacks.probability_writer import ProbabilityKeeper
from callbacks.progress import VideoProgressBar
from callbacks.signals import KeepSignals
from callbacks.training_meter import TrainingMeter
from callbacks.wandb_panels import WandbPanels
from callbacks.wandb_run import WandbRun
from callbacks.wandb_worst import WandbWorst
from callbacks.weight_average import WeightAverage

__all__ = [
    "KeepSignals",
    "LastCheckpoint",
    "MaskWriter",
    "ProbabilityKeeper",
    "TrainingMeter",
    "VideoProgressBar",
    "WandbPanels",
    "WandbRun",
    "WandbWorst",
    "WeightAverage",
]
