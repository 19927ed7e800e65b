"""Which clips an epoch has, and in which order and shape: a function of (seed, epoch) alone."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import numpy as np

from datamodules.clip_sampling import MIX_STREAM, ORDER_STREAM, SCALE_STREAM, ClipConfig, ClipKey
from datamodules.datasets.geometry import resized_hw

SizeOf = Callable[[int], tuple[int, int]]
"""Height and width of a video, by its place among all videos."""


class Pool(NamedTuple):
    """Videos that share a part of every epoch, the videos of one source for example."""

    name: str
    """For messages."""
    num_videos: int
    """At least 1."""
    weight: float | None = None
    """Its part of the clips is its weight over the sum of all; None: its number of videos."""
    stride_factor: int = 1
    """Its videos have this many times as many frames a second as `clip.stride` is meant for."""

    @property
    def share(self) -> float:
        """The weight, given or not."""
        return float(self.num_videos) if self.weight is None else self.weight


def quotas(shares: Sequence[float], num_clips: int) -> list[int]:
    """Return the clips of each pool: proportional to its share, rounded by largest remainder.

    Of two equal remainders the earlier pool's is rounded up.

    Example:
        >>> quotas([2, 1, 1], 10)
        [5, 3, 2]
    """
    exact = [num_clips * share / sum(shares) for share in shares]
    counts = [int(part) for part in exact]
    by_remainder = sorted(range(len(exact)), key=lambda i: (counts[i] - exact[i], i))
    for i in by_remainder[: num_clips - sum(counts)]:
        counts[i] += 1
    return counts


def visited(
    num_videos: int, *, first: int, num_clips: int, seed: int, pool_idx: int = 0
) -> list[int]:
    """Return some consecutive visits of an endless walk: each video once before any comes again.

    Args:
        num_videos: Videos of the pool.
        first: Which visit to begin with.
        num_clips: How many visits.
        seed: Of the run.
        pool_idx: Gives every pool its own walk.

    Example:
        >>> sorted(visited(3, first=3, num_clips=3, seed=0))
        [0, 1, 2]
    """
    rounds = range(first // num_videos, -(-(first + num_clips) // num_videos))
    walk = [
        int(video)
        for number in rounds
        for video in np.random.default_rng((ORDER_STREAM, seed, number, pool_idx)).permutation(
            num_videos
        )
    ]
    skipped = first - rounds.start * num_videos
    return walk[skipped : skipped + num_clips]


@dataclass(frozen=True)
class ClipOrder:
    """The clips of every epoch of a run.

    Each pool gets its exact quota of an epoch, and goes through its videos from one epoch to the
    next without repeating any before all had their turn.

    Args:
        pools: Whose videos follow each other in the list of all videos.
        num_clips: Clips of an epoch.
        seed: Of the run.
        config: How clips are cut; decides whether steps have shapes of their own.
        size_of: Asked only where they have.

    Raises:
        ValueError: If a pool's share of an epoch is less than half a clip, or a weight is not
            positive.
    """

    pools: Sequence[Pool]
    num_clips: int
    seed: int
    config: ClipConfig
    size_of: SizeOf

    def __post_init__(self) -> None:
        for pool, quota in zip(self.pools, self.quotas, strict=True):
            if quota == 0:
                raise ValueError(
                    f"source {pool.name}: no clip of the {self.num_clips} of an epoch is its; "
                    "raise its weight or data.clip.clips_per_epoch, or remove it"
                )

    @property
    def num_videos(self) -> int:
        """Videos of all pools."""
        return sum(pool.num_videos for pool in self.pools)

    @property
    def quotas(self) -> list[int]:
        """Clips of each pool in an epoch."""
        return quotas([pool.share for pool in self.pools], self.num_clips)

    def numbers(self, epoch: int) -> list[int]:
        """Return the numbers of an epoch's clips in training order, `num_clips` distinct ones.

        A number modulo `num_videos` is the clip's video.
        """
        bounds = pairwise(accumulate((pool.num_videos for pool in self.pools), initial=0))
        videos = [
            start + video
            for i, ((start, stop), quota) in enumerate(zip(bounds, self.quotas, strict=True))
            for video in visited(
                stop - start, first=epoch * quota, num_clips=quota, seed=self.seed, pool_idx=i
            )
        ]
        if len(self.pools) > 1:  # the videos of one alone are in random order already
            mixed = np.random.default_rng((MIX_STREAM, self.seed, epoch)).permutation(len(videos))
            videos = [videos[i] for i in mixed]
        return _distinct(videos, self.num_videos)

    def keys(self, epoch: int, clips_per_step: int) -> list[ClipKey]:
        """Return an epoch's clips, those of a step behind each other; no step is incomplete.

        Args:
            epoch: Which one.
            clips_per_step: Clips that all processes together train on at a time.
        """
        numbers = self.numbers(epoch)
        numbers = numbers[: len(numbers) // clips_per_step * clips_per_step]
        grouped = self.config.fit == "keep" and clips_per_step > 1
        if not grouped and not self.config.sizes:
            return [ClipKey(epoch, number) for number in numbers]
        rng = np.random.default_rng((SCALE_STREAM, self.seed, epoch))
        steps = [
            numbers[first : first + clips_per_step]
            for first in range(0, len(numbers), clips_per_step)
        ]
        if grouped:
            steps = alike(numbers, clips_per_step, config=self.config, size_of=self._size_of_clip)
            steps = [steps[i] for i in rng.permutation(len(steps))]
        return [
            ClipKey(epoch, number, size_hw)
            for step in steps
            for size_hw in [self._step_hw(step, rng)]
            for number in step
        ]

    def identity(self) -> dict[str, Any]:
        """Return what the order depends on, as plain values for a checkpoint."""
        facts: dict[str, Any] = {
            "seed": self.seed,
            "videos": self.num_videos,
            "clips_per_epoch": self.num_clips,
        }
        if len(self.pools) > 1:
            facts["clips_per_source"] = self.quotas
            facts["videos_per_source"] = [pool.num_videos for pool in self.pools]
        if self.config.fit == "keep" or self.config.sizes:
            facts["sizes"] = [self.config.side, *self.config.sizes, self.config.size_multiple]
        return facts

    def _size_of_clip(self, number: int) -> tuple[int, int]:
        return self.size_of(number % self.num_videos)

    def _step_hw(self, step: Sequence[int], rng: np.random.Generator) -> tuple[int, int]:
        """Return the shape of a step's clips: a drawn size, and their median aspect."""
        sizes = self.config.sizes or (self.config.side,)
        size = sizes[int(rng.integers(len(sizes)))]
        if self.config.fit != "keep":
            return size, size
        shapes = sorted((self._size_of_clip(number) for number in step), key=_aspect)
        return resized_hw(shapes[len(shapes) // 2], self.config, size=size)


def alike(
    numbers: Sequence[int], clips_per_step: int, *, config: ClipConfig, size_of: SizeOf
) -> list[list[int]]:
    """Return clips in steps of videos of one shape.

    What is left over of the shapes is put together by aspect, so that no clip is lost: those few
    steps mix neighbouring aspects and take the median one.

    Args:
        numbers: Clips, a multiple of `clips_per_step`.
        clips_per_step: Clips of a step.
        config: Says when two shapes are the same.
        size_of: Height and width of a clip's video.
    """
    steps: list[list[int]] = []
    waiting: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for number in numbers:
        group = waiting[resized_hw(size_of(number), config)]
        group.append(number)
        if len(group) == clips_per_step:
            steps.append(group.copy())
            group.clear()
    left = [number for shape in sorted(waiting, key=_aspect) for number in waiting[shape]]
    return steps + [
        left[first : first + clips_per_step] for first in range(0, len(left), clips_per_step)
    ]


def _aspect(size_hw: tuple[int, int]) -> float:
    height, width = size_hw
    return width / height


def _distinct(videos: Sequence[int], num_videos: int) -> list[int]:
    """Return a number for each visit: the video, plus `num_videos` for each earlier visit to it."""
    seen: defaultdict[int, int] = defaultdict(int)
    numbers = []
    for video in videos:
        numbers.append(video + num_videos * seen[video])
        seen[video] += 1
    return numbers
