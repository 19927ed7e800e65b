"""Frames worked out ahead of their turn, so that both cores have something to do on one video."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")
THREADS = 2
"""Reading and comparing masks happens outside of Python's lock; more threads only take memory."""


def ahead(work: Callable[[int], Result], count: int) -> Iterator[Result]:
    """Yield the result of every position, in order; two threads are a few positions ahead.

    Only `THREADS + 1` results wait at any time, however slowly they are taken.

    Args:
        work: Must not depend on what is done with the results; whatever it raises is raised here in
            its position's turn.
        count: Positions.

    Example:
        >>> list(ahead(lambda position: position**2, 4))
        [0, 1, 4, 9]
    """
    waiting: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(THREADS, thread_name_prefix="ahead")
    try:
        for position in range(count):
            waiting.append(pool.submit(work, position))
            if len(waiting) > THREADS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
