"""LightningModules: what a training, validation and prediction step is."""

from lightning_modules.base import SegmentationModule
from lightning_modules.checkpoint_io import WholeCheckpoints
from lightning_modules.foreground import ForegroundModule
from lightning_modules.optim import OptimConfig
from lightning_modules.sharding import ShardedStrategy
from lightning_modules.vos import VOSModule

__all__ = [
    "ForegroundModule",
    "OptimConfig",
    "SegmentationModule",
    "ShardedStrategy",
    "VOSModule",
    "WholeCheckpoints",
]
