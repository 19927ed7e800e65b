"""One function over many pieces of work, in processes, with bounded memory. Imports no torch."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import TypeVar

from pvuw.errors import PvuwError

Task = TypeVar("Task")
Result = TypeVar("Result")


def map_in_order(
    work: Callable[[Task], Result], tasks: Iterable[Task], *, workers: int
) -> Iterator[Result]:
    """Yield the result of every task, in the order of the tasks.

    Only a few results more than there are workers exist at any time, however many tasks there are
    and however slowly the results are taken.

    Args:
        work: A module-level function; whatever it raises is raised here in its task's turn.
        tasks: Taken one by one as workers get free.
        workers: Processes; with 1 all happens in this one.

    Raises:
        PvuwError: If a process dies, which happens when memory runs out.

    Example:
        >>> list(map_in_order(abs, [-1, 2, -3], workers=1))
        [1, 2, 3]
    """
    if workers <= 1:
        yield from map(work, tasks)
        return
    # Forking a process that has torch's threads can hang; a fresh one costs half a second.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_prepare_worker)
    waiting = iter(tasks)
    running: deque[Future[Result]] = deque()
    try:
        running.extend(pool.submit(work, task) for task in islice(waiting, workers + 2))
        while running:
            yield running.popleft().result()
            running.extend(pool.submit(work, task) for task in islice(waiting, 1))
    except BrokenProcessPool as error:
        raise PvuwError(
            "a worker process died, probably for lack of memory; try --workers 1"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _prepare_worker() -> None:
    # Ctrl-C is the main process's business: it starts nothing new and lets workers finish.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()


def end_with_parent() -> None:
    """Let this process, one of `multiprocessing`, end when the one that started it does."""
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    """Wait for the end of the process that started this one; killed, it cannot end its workers."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
