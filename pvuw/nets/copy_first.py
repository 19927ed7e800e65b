"""The baseline every network must beat: nothing moves."""

import torch
from torch import Tensor

from pvuw.errors import PvuwError
from pvuw.nets.base import VideoSegmenter, VideoSession
from pvuw.types import ClipOutput, FrameOutput, Prompt, VideoBatch

_SURE = 10.0  # logit of a prompted pixel, minus it elsewhere


class CopyFirst(VideoSegmenter):
    """Repeats every object's latest prompted mask; has no weights and cannot be trained."""

    def start(self, num_frames: int | None = None) -> "CopyFirstSession":
        """Begin a video."""
        del num_frames
        return CopyFirstSession()

    def forward_clip(self, batch: VideoBatch, *, features: bool = False) -> ClipOutput:
        """Refuse: there is nothing to train.

        Raises:
            PvuwError: Always.
        """
        raise PvuwError("CopyFirst is a baseline without weights; use it with 'pvuw predict'")


class CopyFirstSession(VideoSession):
    """The masks given so far."""

    def __init__(self) -> None:
        self._logits: dict[int, Tensor] = {}

    @property
    def object_ids(self) -> list[int]:
        """File ids of the objects prompted so far, in slot order."""
        return list(self._logits)

    @torch.inference_mode()
    def step(
        self, frame: Tensor, prompt: Prompt | None = None, *, last: bool = False
    ) -> FrameOutput:
        """Repeat the masks, after taking new ones."""
        del last
        if prompt is not None:
            logits = torch.where(prompt.masks, _SURE, -_SURE)
            self._logits |= dict(zip(prompt.object_ids, logits, strict=True))
        stacked = list(self._logits.values())
        none = frame.new_zeros(0, *frame.shape[-2:], dtype=torch.float32)
        return FrameOutput(self.object_ids, torch.stack(stacked) if stacked else none)

    def remove_object(self, object_id: int) -> None:
        """Forget an object."""
        del self._logits[object_id]
