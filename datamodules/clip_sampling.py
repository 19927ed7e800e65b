"""Which frames and objects make up a training clip: a function of (seed, epoch, index) alone.

Nothing here reads files, and no state is kept between clips. So the same clips come whatever the
number of workers and processes, and a resumed run goes on with the clip that would have come next.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np

# Distinguish the random streams of one seed.
ORDER_STREAM, CLIP_STREAM, MIX_STREAM, SCALE_STREAM = 1, 2, 3, 4


_SIDE = 1024


@dataclass
class ClipConfig:
    """How training clips are cut from videos.

    Args:
        num_frames: Frames of a clip.
        stride: Step between its frames, or the smallest and largest step of which each clip draws
            one, in frames that have a mask. Where a video is too short for the drawn step the
            largest one that fits is taken.
        max_objects: Most objects of a clip, drawn among those visible on its first frame.
        size: Training resolution in pixels: side of the square, or the short side for `keep`;
            default: the network's `image_size`, 1024 for one that has none.
        fit: How a frame gets to that size. `stretch`: to the square, aspect ignored, as SAM 2 does;
            `crop`: short side to size, then a random square that shows an object on the clip's
            first frame; `keep`: short side to size, aspect kept; videos of one shape are put into
            batches together.
        clips_per_epoch: Clips of an epoch over all processes; default: `clips_per_video` of each.
        clips_per_video: Clips of an epoch for each video there is, without `clips_per_epoch`.
        flip_prob: Chance that a clip is mirrored left to right, all frames alike.
        reverse_prob: Chance that a clip runs backwards in time.
        look_alike_prob: Chance that a clip's objects are one drawn at random and those that
            resemble it most on the first frame, instead of all being drawn at random.
        sizes: Training resolutions of which each step draws one in place of `size`, all clips of
            all processes alike; empty: always `size`.
        size_multiple: With `keep`, both sides are rounded to a multiple of this many pixels, which
            also makes videos of nearly one shape alike; sizes must be multiples of it.
    """

    num_frames: int = 8
    stride: int | tuple[int, int] = 1
    max_objects: int = 3
    size: int | None = None
    fit: Literal["stretch", "crop", "keep"] = "stretch"
    clips_per_epoch: int | None = None
    clips_per_video: int = 1
    flip_prob: float = 0.0
    reverse_prob: float = 0.0
    look_alike_prob: float = 0.0
    sizes: tuple[int, ...] = ()
    size_multiple: int = 1

    def __post_init__(self) -> None:
        for name in (
            "num_frames",
            "max_objects",
            "size",
            "clips_per_epoch",
            "clips_per_video",
            "size_multiple",
        ):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"clip.{name} must be at least 1, got {value}")
        low, high = self.stride_range
        if not 1 <= low <= high:
            raise ValueError(
                f"clip.stride must be [low, high], 1 <= low <= high, got {self.stride}"
            )
        for name in ("flip_prob", "reverse_prob", "look_alike_prob"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"clip.{name} must be in 0..1, got {getattr(self, name)}")
        for size in (self.side, *self.sizes):
            if size < 1 or (self.fit == "keep" and size % self.size_multiple):
                raise ValueError(
                    f"clip.size and clip.sizes must be multiples of {self.size_multiple} "
                    f"(clip.size_multiple) and at least 1, got {size}"
                )

    @property
    def side(self) -> int:
        """Training resolution in pixels."""
        return _SIDE if self.size is None else self.size

    @property
    def stride_range(self) -> tuple[int, int]:
        """Smallest and largest step between the frames of a clip."""
        return (self.stride, self.stride) if isinstance(self.stride, int) else self.stride

    def with_stride_times(self, factor: int) -> "ClipConfig":
        """Return the same settings for a source of `factor` times as many frames a second."""
        low, high = self.stride_range
        return self if factor == 1 else replace(self, stride=(low * factor, high * factor))


class ClipKey(NamedTuple):
    """Names one clip of a training run; with the run's seed it decides everything about it."""

    epoch: int
    number: int
    """Which clip of the epoch; `number % number of videos` is its video."""
    size_hw: tuple[int, int] | None = None
    """Height and width of its frames where its step has its own; it changes nothing else."""

    def rng(self, seed: int) -> np.random.Generator:
        """Return the clip's own random numbers."""
        return np.random.default_rng((CLIP_STREAM, seed, self.epoch, self.number))


class ClipDraw(NamedTuple):
    """Frames and objects of a clip."""

    positions: list[int]
    """Which of the usable frames, ascending or, in a clip that runs backwards, descending."""
    ranked_ids: list[int]
    """Ids visible on the first frame in random order: the first that survive a crop are taken."""


def draw_clip(
    rng: np.random.Generator,
    config: ClipConfig,
    *,
    num_usable: int,
    visible: Callable[[int], Sequence[int]],
) -> ClipDraw | None:
    """Return a clip whose first frame shows an object, or None if no clip of the video does.

    Args:
        rng: The clip's random numbers.
        config: Clip length, stride, share of clips that run backwards.
        num_usable: Frames that clips may be cut from, at least `config.num_frames`.
        visible: Ids visible on a usable frame; asked only for frames tried as the first one.

    Example:
        >>> config = ClipConfig(num_frames=2, stride=2)
        >>> rng = np.random.default_rng(0)
        >>> draw_clip(rng, config, num_usable=4, visible=lambda i: [7] if i == 1 else [])
        ClipDraw(positions=[1, 3], ranked_ids=[7])
    """
    steps = config.num_frames - 1
    longest = (num_usable - 1) // steps if steps else 1
    drawn = min(int(rng.integers(*config.stride_range, endpoint=True)), longest)
    # Drawn only where asked for, so that the option does not change the clips of other runs.
    backwards = config.reverse_prob > 0 and rng.random() < config.reverse_prob
    # A video may show its objects only where a clip of the drawn stride cannot start any more.
    for stride in dict.fromkeys((drawn, 1)):
        for start in rng.permutation(num_usable - steps * stride).tolist():
            positions = [start + step * stride for step in range(config.num_frames)]
            if backwards:
                positions.reverse()
            if ids := visible(positions[0]):
                return ClipDraw(positions, [int(i) for i in rng.permutation(np.asarray(ids))])
    return None
