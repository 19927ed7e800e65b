"""Data for Lightning: which clips are trained on, which videos are validated and predicted."""

import os

# albumentations asks a web server for its newest version while it is imported; data loading must
# neither wait for a network nor talk to one.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

from datamodules.augment import ClipAugment
from datamodules.base import SegmentationDataModule
from datamodules.clip_sampling import ClipConfig
from datamodules.mose import MOSEDataModule
from pvuw.io.listing import VideoFolder

__all__ = ["ClipAugment", "ClipConfig", "MOSEDataModule", "SegmentationDataModule", "VideoFolder"]
