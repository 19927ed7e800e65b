"""Lightning callbacks: what happens around training and prediction, one per file."""

from callbacks.last_checkpoint import LastCheckpoint
from callbacks.mask_writer import MaskWriter
from callbacks.progress import VideoProgressBar
from callbacks.wandb_panels import WandbPanels

__all__ = ["LastCheckpoint", "MaskWriter", "VideoProgressBar", "WandbPanels"]
