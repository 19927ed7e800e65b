"""Conditional mask fusion: where a tracker lost what was found, both masks count."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import torch
from torch import Tensor

from pvuw.errors import PvuwError

Area = Literal["pixels", "box"]
Scope = Literal["frame", "video"]


@dataclass(frozen=True)
class ConditionalMaskFusion:
    """Adds what was found to what was tracked where the latter is much smaller (Liang et al. 2025).

    Report: https://arxiv.org/abs/2503.23509, eq. 4, whose branches are printed the wrong way round
    (docs/referdino.md). By default the report's rule.
    """

    ratio: float = 2 / 3
    """Tracked masks below this part of the area found are too small."""
    area: Area = "pixels"
    """Of the mask, or of the box around it: width times height, each from first to last pixel."""
    scope: Scope = "frame"
    """Decide in every frame, or once: by the majority of the frames where both show something."""

    def __post_init__(self) -> None:
        if not 0 < self.ratio <= 1:
            raise ValueError(f"fusion.ratio must be above 0 and at most 1, got {self.ratio}")

    def areas(self, masks: Tensor) -> list[int]:
        """Area of each mask, bool `[N, H, W]`, in pixels."""
        if self.area == "pixels":
            return [int(count) for count in masks.sum((-2, -1)).tolist()]
        return [_box_area(mask) for mask in masks]

    def joined(self, tracked: Sequence[int], found: Sequence[int]) -> list[bool]:
        """In which frames both masks count.

        Args:
            tracked: Area of the tracked mask in each frame.
            found: Area of the mask that was found in each frame.

        Example:
            >>> ConditionalMaskFusion().joined([1, 2, 0], [3, 3, 3])
            [True, False, True]
            >>> ConditionalMaskFusion(scope="video").joined([1, 2, 0], [3, 3, 3])
            [False, False, False]
        """
        ratio = Fraction(self.ratio).limit_denominator(10_000)
        smaller = [
            s * ratio.denominator < f * ratio.numerator for s, f in zip(tracked, found, strict=True)
        ]
        if self.scope == "frame":
            return smaller
        both = [s > 0 and f > 0 for s, f in zip(tracked, found, strict=True)]
        votes = sum(small for small, valid in zip(smaller, both, strict=True) if valid)
        return [2 * votes > sum(both)] * len(smaller)


PRESETS = {
    "report": ConditionalMaskFusion(),
    "upstream": ConditionalMaskFusion(area="box", scope="video"),
}
"""The rule of the report's text, and that of the code published with it."""


def fusion_of(preset: str) -> ConditionalMaskFusion:
    """The rule of a name.

    Raises:
        PvuwError: If there is none.
    """
    if preset not in PRESETS:
        raise PvuwError(f"fusion must be one of {', '.join(PRESETS)}, or a rule; got {preset!r}")
    return PRESETS[preset]


def _box_area(mask: Tensor) -> int:
    rows, columns = (torch.nonzero(mask.any(axis)).flatten().tolist() for axis in (1, 0))
    return (rows[-1] - rows[0]) * (columns[-1] - columns[0]) if rows else 0
