"""Loss functions, and the one module that weights them."""

from pvuw.losses.cross_entropy import CrossEntropy
from pvuw.losses.similarity import SimilarityConfig
from pvuw.losses.vos_loss import LossTerms, VOSLoss

__all__ = ["CrossEntropy", "LossTerms", "SimilarityConfig", "VOSLoss"]
