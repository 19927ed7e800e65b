"""The next frames of a video, read in a background thread while the current one is worked on."""

from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from pvuw.io.videos import Video

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T")


def prefetch(read: Callable[[int], T], count: int, *, depth: int = 4) -> Generator[T, None, None]:
    """Yield `read(0)` to `read(count - 1)` in order, reading up to `depth` items ahead.

    Whatever `read` raises is raised here when its item is asked for; the items before it come
    through. The thread ends when the iterator is exhausted, closed or dropped.

    Args:
        read: Called in one background thread, so it must leave the Python lock while it works
            (decoding JPEG does) for the two sides to run at once.
        count: Number of items.
        depth: Most items held besides the one in use; memory is bounded by it.

    Example:
        >>> list(prefetch(lambda position: position * 10, 4, depth=2))
        [0, 10, 20, 30]
    """
    if depth < 1:
        raise ValueError(f"depth must be at least 1, got {depth}")
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="prefetch") as thread:
        ahead = deque(thread.submit(read, position) for position in range(min(depth, count)))
        try:
            for position in range(count):
                item = ahead.popleft().result()
                if position + depth < count:
                    ahead.append(thread.submit(read, position + depth))
                yield item
        finally:
            thread.shutdown(wait=True, cancel_futures=True)


def prefetch_frames(video: Video, *, depth: int = 4) -> "Generator[tuple[int, Tensor], None, None]":
    """Yield position and pixels, uint8 `[3, H, W]` RGB, of a video's frames in order.

    Raises:
        DataError: At once if the video is broken, else when the broken frame's turn comes.
    """
    video.check()
    return prefetch(lambda i: (i, video.read_frame(i)), len(video), depth=depth)
