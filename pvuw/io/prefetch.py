"""The next frames of a video, worked out in background threads while the current one is used."""

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from pvuw.io.videos import Video

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T")


def prefetch(
    read: Callable[[int], T], count: int, *, depth: int = 4, threads: int = 1
) -> Generator[T, None, None]:
    """Yield `read(0)` to `read(count - 1)` in order, working up to `depth` items ahead.

    Whatever `read` raises is raised here when its item is asked for; the items before it come
    through. The threads end when the iterator is exhausted, closed or dropped.

    Args:
        read: Called in background threads, so it must leave the Python lock while it works
            (decoding JPEG and comparing masks do) for the sides to run at once. It must not depend
            on what is done with the results.
        count: Number of items.
        depth: Most items held besides the one in use; memory is bounded by it.
        threads: How many; with one, `read` is never called twice at the same time. Reading and
            comparing masks, two keep two cores busy with one video; more only take memory.

    Example:
        >>> list(prefetch(lambda position: position * 10, 4, depth=2))
        [0, 10, 20, 30]
    """
    if depth < 1:
        raise ValueError(f"depth must be at least 1, got {depth}")
    with ThreadPoolExecutor(max_workers=threads, thread_name_prefix="prefetch") as thread:
        ahead = deque(thread.submit(read, position) for position in range(min(depth, count)))
        try:
            for position in range(count):
                item = ahead.popleft().result()
                if position + depth < count:
                    ahead.append(thread.submit(read, position + depth))
                yield item
        finally:
            thread.shutdown(wait=True, cancel_futures=True)


@contextmanager
def behind(work: Callable[[T], None], *, depth: int = 4) -> Iterator[Callable[[T], None]]:
    """Yield a function that hands items to `work`, which follows in a thread, in order.

    What `work` raises is raised by a later call, or when the block ends: all items are done then.

    Args:
        work: Called in one background thread; see `prefetch`.
        depth: Most items that wait; a call blocks until there is room.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="behind") as thread:
        waiting: deque[Future[None]] = deque()

        def put(item: T) -> None:
            if len(waiting) == depth:
                waiting.popleft().result()
            waiting.append(thread.submit(work, item))

        try:
            yield put
            while waiting:
                waiting.popleft().result()
        finally:
            thread.shutdown(wait=True, cancel_futures=True)


def prefetch_frames(video: Video, *, depth: int = 4) -> "Generator[tuple[int, Tensor], None, None]":
    """Yield position and pixels, uint8 `[3, H, W]` RGB, of a video's frames in order.

    Raises:
        DataError: At once if the video is broken, else when the broken frame's turn comes.
    """
    video.check()
    return prefetch(lambda i: (i, video.read_frame(i)), len(video), depth=depth)
