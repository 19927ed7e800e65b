"""Loss functions, and the one module that weights them."""

from pvuw.losses.base import ClipLoss, LossValues
from pvuw.losses.bootstrapped import BootstrappedLoss
from pvuw.losses.cross_entropy import CrossEntropy
from pvuw.losses.foreground import ForegroundLoss
from pvuw.losses.grounding import GroundingLoss
from pvuw.losses.point_sampled import PointSampledLoss
from pvuw.losses.similarity import SimilarityConfig
from pvuw.losses.vos_loss import LossTerms, VOSLoss

__all__ = [
    "BootstrappedLoss",
    "ClipLoss",
    "CrossEntropy",
    "ForegroundLoss",
    "GroundingLoss",
    "LossTerms",
    "LossValues",
    "PointSampledLoss",
    "SimilarityConfig",
    "VOSLoss",
]
