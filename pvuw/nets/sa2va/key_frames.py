"""Which frames of a video the language model looks at."""

from abc import ABC, abstractmethod
from collections.abc import Iterable

import numpy as np


class KeyFrames(ABC):
    """A choice of key frames that depends on the video's length alone."""

    @abstractmethod
    def positions(self, num_frames: int) -> list[int]:
        """Positions in a video of `num_frames >= 1`, ascending and without repeats."""


class FirstFrames(KeyFrames):
    """The first frames, as Sa2VA was published; of a shorter video all.

    Args:
        count: How many.

    Example:
        >>> FirstFrames(5).positions(9), FirstFrames(5).positions(2)
        ([0, 1, 2, 3, 4], [0, 1])
    """

    def __init__(self, count: int = 5) -> None:
        self.count = _at_least_one("count", count)

    def positions(self, num_frames: int) -> list[int]:
        """Return the first `count`."""
        return list(range(min(self.count, num_frames)))


class UniformFrames(KeyFrames):
    """Frames evenly spaced from the first to the last, as MVP-Lab and Sa2VA-i take them.

    Positions are rounded down. Where a short video would have one twice it is taken once.

    Args:
        count: How many.

    Example:
        >>> UniformFrames(5).positions(8), UniformFrames(5).positions(3)
        ([0, 1, 3, 5, 7], [0, 1, 2])
    """

    def __init__(self, count: int = 5) -> None:
        self.count = _at_least_one("count", count)

    def positions(self, num_frames: int) -> list[int]:
        """Return `count` positions, fewer in a short video."""
        return _distinct(np.linspace(0, num_frames - 1, self.count, dtype=int), num_frames)


class IntervalFrames(KeyFrames):
    """Frames a fixed interval apart, the same in all videos: Long-Interleaved Inference.

    Those that would lie behind the end of a short video become its last frame, which is taken once.

    Args:
        interval: Frames from one to the next. The report does not say which.
        count: How many.
        start: The first one's position.

    Example:
        >>> IntervalFrames(3, 4).positions(20), IntervalFrames(3, 4).positions(8)
        ([0, 3, 6, 9], [0, 3, 6, 7])
    """

    def __init__(self, interval: int = 4, count: int = 5, start: int = 0) -> None:
        self.interval = _at_least_one("interval", interval)
        self.count = _at_least_one("count", count)
        if start < 0:
            raise ValueError(f"key_frames.start must be at least 0, got {start}")
        self.start = start

    def positions(self, num_frames: int) -> list[int]:
        """Return `count` positions, fewer in a short video."""
        return _distinct((self.start + i * self.interval for i in range(self.count)), num_frames)


class CustomFrames(KeyFrames):
    """Frames named one by one; those behind the end of a short video become its last frame.

    Args:
        frames: Their positions, 0 for the first frame.

    Example:
        >>> CustomFrames([7, 2, 2]).positions(20), CustomFrames([7, 2]).positions(4)
        ([2, 7], [2, 3])
    """

    def __init__(self, frames: list[int]) -> None:
        if not frames or min(frames) < 0:
            raise ValueError(f"key_frames.frames must name positions of at least 0, got {frames}")
        self.frames = frames

    def positions(self, num_frames: int) -> list[int]:
        """Return the positions named."""
        return _distinct(self.frames, num_frames)


def _distinct(positions: Iterable[int], num_frames: int) -> list[int]:
    return sorted({min(int(position), num_frames - 1) for position in positions})


def _at_least_one(name: str, value: int) -> int:
    if value < 1:
        raise ValueError(f"key_frames.{name} must be at least 1, got {value}")
    return value
