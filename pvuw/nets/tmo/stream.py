"""TMO's foreground through a video, and the motion it is found with."""

import torch
from torch import Tensor

from pvuw.nets.flow import FlowEstimator
from pvuw.nets.tmo.network import TmoNetwork
from pvuw.ops.flow import move_masks


class ForegroundStream:
    """Foreground of one video, frame by frame; holds two frames and one flow.

    Without an estimator the frames stand in for motion, and masks are expected where they were.

    Args:
        network: In evaluation mode.
        estimator: Of flow; None for none.
        side: Side of the square frames are squashed to, pixels.
        select_output: Take the output without motion where it is the more settled one.
    """

    def __init__(
        self,
        network: TmoNetwork,
        estimator: FlowEstimator | None,
        *,
        side: int,
        select_output: bool,
    ) -> None:
        self.network = network
        self.estimator = estimator
        self.side = side
        self.select_output = select_output
        self._frame: Tensor | None = None
        self._drawn: Tensor | None = None
        self._to_next: Tensor | None = None
        self._from_previous: Tensor | None = None

    def advance(self, frame: Tensor, next_frame: Tensor | None) -> None:
        """Go on to a frame, uint8 `[3, H, W]`, and compute its motion.

        Forward flow, to the next frame. The last frame has none: by the estimator's `last`, the
        flow back to the frame before, or that frame's once more. The only frame of a video stands
        in for its own motion.
        """
        previous, self._frame = self._frame, frame
        self._from_previous, self._to_next = self._to_next, None
        if self.estimator is None:
            return
        if next_frame is not None:
            self._drawn = self._to_next = self.estimator.between(frame, next_frame)
        elif previous is not None and self.estimator.config.last == "backward":
            self._drawn = self.estimator.between(frame, previous)

    def move(self, masks: Tensor) -> Tensor:
        """Masks of the frame before, bool `[N, H, W]`, where the flow takes them in this frame."""
        if self._from_previous is None:
            return masks
        return move_masks(masks, self._from_previous)

    def logits(self) -> Tensor:
        """Log-odds of foreground in the current frame, float32 `[H, W]`."""
        assert self._frame is not None, "advance to a frame first"
        frame = self._frame[None].float() / 255
        if self._drawn is None or self.estimator is None:
            scores = self.network(frame, frame, side=self.side)
        else:
            motion = self.estimator.picture(self._drawn)[None].float() / 255
            scores = self._scores(frame, motion)
        background, foreground = scores[0].float()
        logits: Tensor = foreground - background
        return logits

    def _scores(self, frame: Tensor, motion: Tensor) -> Tensor:
        if self.select_output:
            return self.network.select(frame, motion, side=self.side).scores
        scores: Tensor = self.network(frame, motion, side=self.side)
        return scores


def module_device(network: TmoNetwork) -> torch.device:
    """Where a network's weights are."""
    return network.app_encoder.mean.device
