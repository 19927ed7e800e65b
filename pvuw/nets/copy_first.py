"""The baseline: every object stays where its prompt said it was."""

import torch
from torch import Tensor

from pvuw.nets.base import VideoSegmenter, VideoSession
from pvuw.nets.prompting import masks_by_id
from pvuw.types import FrameOutput, Prompt

_LOGIT = 10.0


class CopyFirst(VideoSegmenter):
    """Copies each object's prompted mask to all later frames; has no weights and learns nothing.

    What any network must beat. `start` ignores what it is told.
    """

    def start(self, num_frames: int | None = None, *, scale: float = 1.0) -> "CopyFirstSession":
        """Begin a video."""
        del num_frames, scale
        return CopyFirstSession()


class CopyFirstSession(VideoSession):
    """Repeats masks at the size of the frames they were given with."""

    def __init__(self) -> None:
        self._masks: dict[int, Tensor] = {}

    @property
    def object_ids(self) -> list[int]:
        """File ids of the objects prompted so far, in slot order."""
        return list(self._masks)

    def step(
        self,
        frame: Tensor,
        prompt: Prompt | None = None,
        *,
        last: bool = False,
        next_frame: Tensor | None = None,
    ) -> FrameOutput:
        """Take in a prompt and repeat every object's latest mask as logits of -10 and 10."""
        del last, next_frame
        self._masks.update(masks_by_id(prompt, frame))
        masks = [mask.to(frame.device) for mask in self._masks.values()]
        stacked = torch.stack(masks) if masks else frame.new_zeros(0, *frame.shape[-2:])
        logits = torch.where(stacked > 0, _LOGIT, -_LOGIT)
        return FrameOutput(object_ids=self.object_ids, mask_logits=logits.float())

    def remove_object(self, object_id: int) -> None:
        """Forget an object; see `VideoSession.remove_object`."""
        del self._masks[object_id]
