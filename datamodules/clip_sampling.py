"""Which frames and objects make up a training clip: a function of (seed, epoch, index) alone.

Nothing here reads files, and no state is kept between clips. So the same clips come whatever the
number of workers and processes, and a resumed run goes on with the clip that would have come next.
"""

from collections.abc import Callable, Iterator, Sequence, Sized
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from torch.utils.data import Dataset, DistributedSampler

# Distinguish the random streams of one seed.
_ORDER_STREAM, _CLIP_STREAM = 1, 2


@dataclass
class ClipConfig:
    """How training clips are cut from videos.

    Args:
        num_frames: Frames of a clip.
        stride: Step between its frames, or the smallest and largest step of which each clip draws
            one. Where a video is too short for the drawn step the largest one that fits is taken.
        max_objects: Most objects of a clip, drawn among those visible on its first frame.
        size: Training resolution in pixels: side of the square, or the short side for `keep`.
        fit: How a frame gets to that size. `stretch`: to the square, aspect ignored, as SAM 2 does;
            `crop`: short side to size, then a random square that shows an object on the clip's
            first frame; `keep`: short side to size, aspect kept, so that all clips of a batch must
            come from videos of one shape.
        clips_per_epoch: Clips of an epoch over all processes; default: one of each video.
        flip_prob: Chance that a clip is mirrored left to right, all frames alike.
    """

    num_frames: int = 8
    stride: int | tuple[int, int] = 1
    max_objects: int = 3
    size: int = 1024
    fit: Literal["stretch", "crop", "keep"] = "stretch"
    clips_per_epoch: int | None = None
    flip_prob: float = 0.0

    def __post_init__(self) -> None:
        for name in ("num_frames", "max_objects", "size", "clips_per_epoch"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"clip.{name} must be at least 1, got {value}")
        low, high = self.stride_range
        if not 1 <= low <= high:
            raise ValueError(
                f"clip.stride must be [low, high], 1 <= low <= high, got {self.stride}"
            )
        if not 0 <= self.flip_prob <= 1:
            raise ValueError(f"clip.flip_prob must be in 0..1, got {self.flip_prob}")

    @property
    def stride_range(self) -> tuple[int, int]:
        """Smallest and largest step between the frames of a clip."""
        return (self.stride, self.stride) if isinstance(self.stride, int) else self.stride


class ClipKey(NamedTuple):
    """Names one clip of a training run; with the run's seed it decides everything about it."""

    epoch: int
    number: int
    """Which clip of the epoch; `number % number of videos` is its video."""

    def rng(self, seed: int) -> np.random.Generator:
        """Return the clip's own random numbers."""
        return np.random.default_rng((_CLIP_STREAM, seed, self.epoch, self.number))


class ClipDraw(NamedTuple):
    """Frames and objects of a clip."""

    positions: list[int]
    """Which of the usable frames, ascending."""
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
        config: Clip length, stride.
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
    # A video may show its objects only where a clip of the drawn stride cannot start any more.
    for stride in dict.fromkeys((drawn, 1)):
        for start in rng.permutation(num_usable - steps * stride).tolist():
            if ids := visible(start):
                positions = [start + step * stride for step in range(config.num_frames)]
                return ClipDraw(positions, [int(i) for i in rng.permutation(np.asarray(ids))])
    return None


def epoch_order(num_videos: int, *, num_clips: int, seed: int, epoch: int) -> list[int]:
    """Return the numbers of an epoch's clips in training order, `num_clips` distinct ones.

    Every video comes once before any comes twice.

    Example:
        >>> sorted(i % 3 for i in epoch_order(3, num_clips=6, seed=0, epoch=4))
        [0, 0, 1, 1, 2, 2]
    """
    rng = np.random.default_rng((_ORDER_STREAM, seed, epoch))
    rounds = -(-num_clips // num_videos)
    order = [rng.permutation(num_videos) + num_videos * i for i in range(rounds)]
    return [int(number) for number in np.concatenate(order)[:num_clips]]


class StartPoint(NamedTuple):
    """Where training begins or continues."""

    epoch: int = 0
    batch: int = 0
    """Batches of that epoch already trained on."""


_BEGINNING = StartPoint()


class ClipSampler(DistributedSampler[ClipKey]):
    """Yields the clips of one process in training order.

    Process `r` of `W` takes every `W`-th clip from the `r`-th on, so a step trains on the same
    clips whether they come as `W` batches of `b` or as one of `W * b`. Clips at the end of an
    epoch's order that do not fill a batch of every process are dropped; the order differs each
    epoch.

    A `DistributedSampler` by type, which keeps Lightning from wrapping it in another one.

    Args:
        dataset: Its length is the number of clips of an epoch over all processes.
        num_videos: Videos the clips are cut from.
        batch_size: Clips of a batch of one process.
        seed: Of the order.
        rank: This process.
        world_size: Number of processes.
        start: Where a resumed run continues; that epoch's earlier batches are skipped.
        current_epoch: Tells the epoch whenever an iteration begins; default: what `set_epoch` got.
    """

    def __init__(
        self,
        dataset: Dataset[Any],
        num_videos: int,
        *,
        batch_size: int,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        start: StartPoint = _BEGINNING,
        current_epoch: Callable[[], int] | None = None,
    ) -> None:
        super().__init__(dataset, num_replicas=world_size, rank=rank, seed=seed, drop_last=True)
        assert isinstance(dataset, Sized)
        self.num_clips = len(dataset)
        self.num_videos = num_videos
        self.batch_size = batch_size
        self.start = start
        self.current_epoch = current_epoch
        self.set_epoch(start.epoch)

    def __len__(self) -> int:
        """Return the clips of a whole epoch of this process, whether resumed inside it or not."""
        return self.num_clips // (self.num_replicas * self.batch_size) * self.batch_size

    def __iter__(self) -> Iterator[ClipKey]:
        """Yield what is left of the current epoch."""
        epoch = self.epoch if self.current_epoch is None else self.current_epoch()
        # A run resumed from the last batch of an epoch is asked for the next one's clips while its
        # epoch counter still stands at the finished one.
        epoch = max(epoch, self.start.epoch)
        order = epoch_order(self.num_videos, num_clips=self.num_clips, seed=self.seed, epoch=epoch)
        mine = order[self.rank : len(self) * self.num_replicas : self.num_replicas]
        done = self.start.batch * self.batch_size if epoch == self.start.epoch else 0
        return (ClipKey(epoch, number) for number in mine[done:])
