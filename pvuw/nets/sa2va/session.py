"""Sa2VA on one video, for one sentence or for given masks."""

import torch
from torch import Tensor

from pvuw.nets.prompting import check_frame
from pvuw.nets.sa2va.language import WordEncoder
from pvuw.nets.sa2va.tracks import Seat, SentencePrompt
from pvuw.nets.sam2.features import FrameEncoder, resize_frame
from pvuw.nets.sam2.session import Sam2Session
from pvuw.types import FrameOutput, Prompt, TokenPrompt


class Sa2vaSession(Sam2Session):
    """Follows what the grounder made of a sentence; without one it is SAM 2 prompted by masks.

    A sentence is the session's only prompt and comes with the first frame that it has masks on:
    frame 0, or the first key frame where nothing looks back from it. Sessions of one video
    whose sentences were grounded together share their work; each must be fed all frames.
    """

    _seat: Seat | None = None

    def step(
        self,
        frame: Tensor,
        prompt: Prompt | None = None,
        *,
        last: bool = False,
        next_frame: Tensor | None = None,
    ) -> FrameOutput:
        """Advance by one frame; see `VideoSession.step`.

        Raises:
            ValueError: If the frame or the prompt has the wrong shape or type, or a sentence comes
                with another frame than it was made for.
        """
        if isinstance(prompt, TokenPrompt):
            self._sit_down(prompt)
        elif self._seat is not None and prompt is not None:
            raise ValueError("a session that follows a sentence takes no other prompt")
        if self._seat is None:
            return super().step(frame, prompt, last=last, next_frame=next_frame)
        check_frame(frame)
        side = self.model.image_size
        picture = frame if frame.shape[1:] == (side, side) else resize_frame(frame, side)
        with torch.inference_mode():
            said = self._seat.step(picture, last=last)
            return FrameOutput(
                object_ids=self.object_ids,
                mask_logits=self._seat.at_full_size(said.mask_logits.float()),
                presence_logits=said.presence_logits,
                predicted_iou=said.predicted_iou,
            )

    def remove_object(self, object_id: int) -> None:
        """Forget an object; see `VideoSession.remove_object`."""
        if self._seat is None:
            super().remove_object(object_id)
            return
        if object_id not in self._object_ids:
            raise KeyError(f"object {object_id} is not tracked, only {self._object_ids}")
        del self._seat.objects[self._object_ids.index(object_id)]
        self._object_ids.remove(object_id)

    def _sit_down(self, prompt: TokenPrompt) -> None:
        if not isinstance(prompt, SentencePrompt):
            raise ValueError("Sa2VA follows tokens of its own grounder only")
        seat = prompt.tracks.join(prompt.rows)
        if self._seat is not None or self._object_ids or self._frames_seen != seat.next_frame:
            raise ValueError(
                f"a sentence is given once, with frame {seat.next_frame}, got it with frame "
                f"{self._frames_seen}"
            )
        self._seat = seat
        self._object_ids = list(prompt.object_ids)

    def _new_encoder(self) -> FrameEncoder:
        return WordEncoder(self.model)
