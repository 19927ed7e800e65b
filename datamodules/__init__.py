"""Data for Lightning: which clips are trained on, which videos are validated and predicted.

The names below are imported when they are first used: `pvuw.sources` needs neither torch nor
Lightning, and whoever reads sources should not wait seconds for them.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datamodules.augment import ClipAugment
    from datamodules.base import SegmentationDataModule
    from datamodules.clip_sampling import ClipConfig
    from datamodules.mevis import MeViSDataModule
    from datamodules.mixing import TrainSource
    from datamodules.mose import MOSEDataModule
    from datamodules.mose_plus import MOSEPlusDataModule
    from datamodules.predict import PredictDataModule
    from pvuw.io.listing import VideoFolder

# albumentations asks a web server for its newest version while it is imported; data loading must
# neither wait for a network nor talk to one.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

_HOMES = {
    "ClipAugment": "datamodules.augment",
    "ClipConfig": "datamodules.clip_sampling",
    "MOSEDataModule": "datamodules.mose",
    "MOSEPlusDataModule": "datamodules.mose_plus",
    "MeViSDataModule": "datamodules.mevis",
    "PredictDataModule": "datamodules.predict",
    "SegmentationDataModule": "datamodules.base",
    "TrainSource": "datamodules.mixing",
    "VideoFolder": "pvuw.io.listing",
}

__all__ = [
    "ClipAugment",
    "ClipConfig",
    "MOSEDataModule",
    "MOSEPlusDataModule",
    "MeViSDataModule",
    "PredictDataModule",
    "SegmentationDataModule",
    "TrainSource",
    "VideoFolder",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
