"""Steps between a network's scores and the written mask, each switchable in a recipe."""

from abc import ABC, abstractmethod

from torch import Tensor

from pvuw.inference.scores import ScoreStream


class ScoreStep(ABC):
    """Changes the scores of a video's frames as they stream by, before the id map is made.

    Holds settings only; what belongs to one video lives in `run`.
    """

    @abstractmethod
    def run(self, frames: ScoreStream) -> ScoreStream:
        """Frames of one video, changed; may look ahead by a fixed number of frames."""


class MaskStep(ABC):
    """Changes the id map of a frame."""

    @abstractmethod
    def apply(self, id_map: Tensor) -> Tensor:
        """A new id map, uint8 `[H, W]`, on the CPU; 0 is background."""
