"""What every training objective of clips has in common."""

from abc import ABC, abstractmethod
from typing import Protocol

from torch import Tensor, nn

from pvuw.types import ClipOutput, VideoBatch


class LossValues(Protocol):
    """The loss of a batch, and its parts for the log."""

    @property
    def total(self) -> Tensor:
        """Scalar to call `backward` on."""

    def log_values(self) -> dict[str, Tensor]:
        """Scalars to log, without gradient: `loss`, `loss_ce`, …."""


class ClipLoss(nn.Module, ABC):
    """A training objective over a batch of clips; each network's recipe names its own."""

    @property
    def needs_features(self) -> bool:
        """True where the network's clip output must hold features, which cost memory."""
        return False

    @abstractmethod
    def forward(self, output: ClipOutput, batch: VideoBatch) -> LossValues:
        """Loss of a batch, in float32 whatever precision the network ran in.

        Args:
            output: What the network said.
            batch: The clips it was given.

        Raises:
            ValueError: If the loss needs an output that the network did not give.
        """
