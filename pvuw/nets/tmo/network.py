"""TMO's network: foreground scores of frames, each by itself, from appearance and motion.

Cho et al., "Treating Motion as Option", WACV 2023, https://arxiv.org/abs/2209.03138, and with
output selection, TCSVT 2025, https://arxiv.org/abs/2309.14786.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from pvuw.nets.tmo.decoder import Decoder, resize_bicubic
from pvuw.nets.tmo.encoders import ENCODERS, Features, Variant

_SURE = 0.1
"""A pixel is settled where the smaller of its two probabilities is below this."""


class Selected(NamedTuple):
    """The output selection's choice, frame by frame."""

    scores: Tensor
    """Float `[B, 2, H, W]`, background first, before softmax."""
    confidence: Tensor
    """Float `[B, 2]`: of the output without motion, then of that with it."""
    without_motion: Tensor
    """Bool `[B]`: True where the output without motion was taken."""


class TmoNetwork(nn.Module):
    """Scores of background and foreground for frames and their motion pictures.

    Every call may name the side of the square, in pixels and a multiple of 32, that frames and
    motion are squashed to; default: `image_size`.

    Args:
        variant: `rn101` (ResNet-101) or `mitb1` (MiT-b1).
        image_size: Side of that square; published weights were trained with 384.
    """

    def __init__(self, variant: Variant, *, image_size: int = 384) -> None:
        super().__init__()
        self.image_size = image_size
        self.app_encoder, self.mo_encoder = ENCODERS[variant](), ENCODERS[variant]()
        self.decoder = Decoder(self.app_encoder.widths)

    def forward(self, frames: Tensor, motion: Tensor, *, side: int | None = None) -> Tensor:
        """Scores at the frames' size, `[B, 2, H, W]`, background first, before softmax.

        Args:
            frames: RGB, float `[B, 3, H, W]` in 0..1.
            motion: Optical flow as colours, or the frames again; float `[B, 3, h, w]` in 0..1.
            side: See the class.
        """
        features = self.appearance(frames, side=side).plus(self.motion(motion, side=side))
        return resize_bicubic(self.decode(features), _size_hw(frames))

    def appearance(self, frames: Tensor, *, side: int | None = None) -> Features:
        """Maps of what frames `[B, 3, H, W]` look like."""
        features: Features = self.app_encoder(self._squash(frames, side))
        return features

    def motion(self, motion: Tensor, *, side: int | None = None) -> Features:
        """Maps of motion pictures `[B, 3, h, w]`."""
        features: Features = self.mo_encoder(self._squash(motion, side))
        return features

    def decode(self, features: Features) -> Tensor:
        """Scores `[B, 2, side, side]` of appearance and motion maps, added up."""
        quarter: Tensor = self.decoder(features)
        return resize_bicubic(quarter, (4 * quarter.shape[-2], 4 * quarter.shape[-1]))

    def select(self, frames: Tensor, motion: Tensor, *, side: int | None = None) -> Selected:
        """Scores with or without motion, whichever is more settled, for each frame by itself.

        Adaptive output selection (TCSVT 2025, section III-D): for the output without motion the
        frame itself stands in for it. An output's confidence is the norm of `0.1 - p` over all
        pixels of the square and both classes whose probability `p` is below 0.1. Ties go to motion.

        Args:
            frames: Float `[B, 3, H, W]` in 0..1.
            motion: Optical flow as colours, float `[B, 3, h, w]` in 0..1.
            side: See the class.
        """
        appearance = self.appearance(frames, side=side)
        still = self.decode(appearance.plus(self.motion(frames, side=side)))
        moving = self.decode(appearance.plus(self.motion(motion, side=side)))
        confidence = torch.stack([_confidence(still), _confidence(moving)], dim=1)
        without_motion = confidence[:, 0] > confidence[:, 1]
        scores = torch.where(without_motion[:, None, None, None], still, moving)
        return Selected(resize_bicubic(scores, _size_hw(frames)), confidence, without_motion)

    def _squash(self, image: Tensor, side: int | None) -> Tensor:
        side = side or self.image_size
        return resize_bicubic(image, (side, side))


def _confidence(scores: Tensor) -> Tensor:
    below = (_SURE - scores.float().softmax(dim=1)).clamp(min=0)
    norm: Tensor = torch.linalg.vector_norm(below.flatten(1), dim=1)
    return norm


def _size_hw(frames: Tensor) -> tuple[int, int]:
    return frames.shape[-2], frames.shape[-1]
