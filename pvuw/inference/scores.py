"""What travels from the network to the id map: one frame's scores, and iterators of them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from torch import Tensor

from pvuw.types import FrameOutput


@dataclass
class FrameScores:
    """One frame on its way from the network to its id map."""

    frame_idx: int
    """Position in the video."""
    frame: Tensor
    """The image, uint8 `[3, H, W]` RGB, on the CPU."""
    output: FrameOutput
    """Ids, presence and predicted IoU, and mask logits at any resolution."""
    mask_logits: Tensor
    """Log-odds against background at the frame's size, float32 `[N, H, W]`; see `FrameOutput`."""

    @property
    def object_ids(self) -> list[int]:
        """File id of each of the `N` slots."""
        return self.output.object_ids

    @property
    def objects_compete(self) -> bool:
        """How logits become probabilities; see `FrameOutput`."""
        return self.output.objects_compete

    def with_logits(
        self, mask_logits: Tensor, *, objects_compete: bool | None = None
    ) -> "FrameScores":
        """Return the frame with other logits, float32 `[N, H, W]`; None: they compete as before."""
        compete = self.objects_compete if objects_compete is None else objects_compete
        output = replace(self.output, mask_logits=mask_logits, objects_compete=compete)
        return replace(self, mask_logits=mask_logits, output=output)


ScoreStream = Iterator[FrameScores]
"""Frames of one video in order, computed as they are asked for."""
