"""TMO beside another network: that one says which object, TMO how far the foreground reaches."""

from dataclasses import replace

import torch
from torch import Tensor

from pvuw.nets.base import VideoSegmenter, VideoSession
from pvuw.nets.tmo.identities import split_foreground
from pvuw.nets.tmo.net import Tmo
from pvuw.nets.tmo.stream import ForegroundStream, module_device
from pvuw.ops.id_maps import resize_logits
from pvuw.types import FrameOutput, Prompt


class AnchoredTmo(VideoSegmenter):
    """TMO's foreground, split by the probabilities of a network that follows objects.

    Outputs have the frame's size; where TMO does not see an object there is no opinion on it. Train
    the two networks apart from each other. `start` passes the number of frames on.

    Args:
        tmo: Says what is foreground.
        anchor: Says which object.
    """

    def __init__(self, tmo: Tmo, anchor: VideoSegmenter) -> None:
        super().__init__()
        self.tmo = tmo
        self.anchor = anchor
        self.reads_next_frame = tmo.reads_next_frame or anchor.reads_next_frame

    def start(self, num_frames: int | None = None, *, scale: float = 1.0) -> "AnchoredSession":
        """Begin a video; see `VideoSegmenter.start`."""
        anchor = self.anchor.start(num_frames, scale=scale)
        return AnchoredSession(self.tmo, self.tmo.stream(scale=scale), anchor)


class AnchoredSession(VideoSession):
    """Both networks on one video; objects are the anchor's."""

    def __init__(self, tmo: Tmo, stream: ForegroundStream, anchor: VideoSession) -> None:
        self._tmo = tmo
        self._stream = stream
        self._anchor = anchor

    @property
    def object_ids(self) -> list[int]:
        """File ids of the objects tracked so far, in slot order."""
        return self._anchor.object_ids

    @torch.inference_mode()
    def step(
        self,
        frame: Tensor,
        prompt: Prompt | None = None,
        *,
        last: bool = False,
        next_frame: Tensor | None = None,
    ) -> FrameOutput:
        """Advance both by one frame; on prompted frames the anchor's word is final."""
        device = module_device(self._tmo.vos)
        following = None if next_frame is None else next_frame.to(device)
        self._stream.advance(frame.to(device), following)
        output = self._anchor.step(frame, prompt, last=last, next_frame=next_frame)
        if prompt is not None or not output.object_ids:
            return replace(output, objects_compete=True)
        logits = resize_logits(
            output.mask_logits.float().to(device), (frame.shape[-2], frame.shape[-1])
        )
        found = split_foreground(self._stream.logits(), logits, self._tmo.identities)
        return FrameOutput(
            output.object_ids,
            found.mask_logits,
            objects_compete=True,
            has_opinion=found.has_opinion,
        )

    def remove_object(self, object_id: int) -> None:
        """Forget an object; see `VideoSession.remove_object`."""
        self._anchor.remove_object(object_id)
