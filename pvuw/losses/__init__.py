"""Loss functions, and the one module that weights them."""

from pvuw.losses.base import ClipLoss, LossValues
from pvuw.losses.cross_entropy import CrossEntropy
from pvuw.losses.similarity import SimilarityConfig
from pvuw.losses.vos_loss import LossTerms, VOSLoss

__all__ = ["ClipLoss", "CrossEntropy", "LossTerms", "LossValues", "SimilarityConfig", "VOSLoss"]
