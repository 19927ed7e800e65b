"""What every training objective of clips has in common."""

from abc import ABC, abstractmethod
from typing import ClassVar, Generic, Protocol

from torch import Tensor, nn
from typing_extensions import TypeVar

from pvuw.types import ClipOutput, VideoBatch

Output = TypeVar("Output", bound=ClipOutput, default=ClipOutput)
"""What a loss judges."""


class LossValues(Protocol):
    """The loss of a batch, and its parts for the log."""

    @property
    def total(self) -> Tensor:
        """Scalar to call `backward` on."""

    def log_values(self) -> dict[str, Tensor]:
        """Scalars to log, without gradient: `loss`, `loss_ce`, …."""


class ClipLoss(nn.Module, ABC, Generic[Output]):
    """A training objective over a batch of clips; each network's recipe names its own."""

    judges: ClassVar[type[ClipOutput]]
    """The kind of output it is for: `Output`, where a program can read it."""

    @property
    def needs_features(self) -> bool:
        """True where the network's clip output must hold features, which cost memory."""
        return False

    @abstractmethod
    def forward(self, output: Output, batch: VideoBatch) -> LossValues:
        """Loss of a batch, in float32 whatever precision the network ran in.

        Args:
            output: What the network said.
            batch: The clips it was given.

        Raises:
            ValueError: If the loss needs an output that the network did not give.
        """
