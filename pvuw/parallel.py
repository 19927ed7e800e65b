"""One function over many pieces of work, in processes: the only pool here. Imports no torch.

Every pool is safe in the same way. Only a few tasks are in hand, however many there are and however
slowly their results are taken. Ctrl-C is the main process's business: it starts nothing new, and
tells workers to break off and tidy up. A worker that dies is told with what it worked on. Workers
end with the process that started them, even where that one is killed.
"""

import ctypes
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing.process import BaseProcess
from multiprocessing.sharedctypes import Synchronized
from typing import Generic, TypeVar

from pvuw.errors import PvuwError
from pvuw.stop import Stopped, is_stopping

Task = TypeVar("Task")
Result = TypeVar("Result")

# Spawned everywhere: a forked copy of a process with threads (torch's, OpenCV's, a progress bar's)
# can hang in a lock that nobody will release. It costs half a second once, in all workers at the
# same time; a worker imports what its function needs, and no torch where that imports none.
_CONTEXT = multiprocessing.get_context("spawn")
_AHEAD = 2
"""Tasks in hand besides those being worked on."""


def map_in_order(
    work: Callable[[Task], Result],
    tasks: Iterable[Task],
    *,
    workers: int,
    name: Callable[[Task], str],
    prepare: Callable[[], None] | None = None,
) -> Iterator[Result]:
    """Yield the result of every task, in the order of the tasks.

    Args:
        work: A module-level function; whatever it raises is raised here in its task's turn.
        tasks: Taken one by one as workers get free.
        workers: Processes; with 1 all happens in this one.
        name: What to call a task when the worker that has it dies.
        prepare: A module-level function that every worker calls first.

    Raises:
        PvuwError: If a worker dies, which happens when memory runs out.

    Example:
        >>> list(map_in_order(abs, [-1, 2, -3], workers=1, name=str))
        [1, 2, 3]
    """
    if workers <= 1:
        yield from map(work, tasks)
        return
    waiting = iter(tasks)
    with _Pool(work, workers, name=name, prepare=prepare) as pool:
        running = deque(pool.submit(task) for task in islice(waiting, workers + _AHEAD))
        while running:
            yield pool.result(running.popleft())
            running.extend(pool.submit(task) for task in islice(waiting, 1))


def map_as_done(
    work: Callable[[Task], Result],
    tasks: Iterable[Task],
    *,
    workers: int,
    name: Callable[[Task], str],
    prepare: Callable[[], None] | None = None,
) -> Iterator[tuple[Task, Result]]:
    """Yield every task with its result as soon as there is one; else as `map_in_order`.

    Example:
        >>> list(map_as_done(abs, [-1, 2], workers=1, name=str))
        [(-1, 1), (2, 2)]
    """
    if workers <= 1:
        yield from ((task, work(task)) for task in tasks)
        return
    waiting = iter(tasks)
    with _Pool(work, workers, name=name, prepare=prepare) as pool:
        running = {pool.submit(task): task for task in islice(waiting, workers + _AHEAD)}
        while running:
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                task = running.pop(future)
                running |= {pool.submit(task): task for task in islice(waiting, 1)}
                yield task, pool.result(future)


class _Pool(Generic[Task, Result]):
    """A `ProcessPoolExecutor` that knows what each of its workers is at."""

    def __init__(
        self,
        work: Callable[[Task], Result],
        workers: int,
        *,
        name: Callable[[Task], str],
        prepare: Callable[[], None] | None,
    ) -> None:
        self._work, self._name = work, name
        # Shared memory without a lock: each worker writes two numbers of its own, its process and
        # its task. A worker that dies leaves its own behind, and locks nobody out.
        self._at = _CONTEXT.RawArray(ctypes.c_longlong, 2 * workers)
        places = _CONTEXT.Value("i", 0)
        self._pool = ProcessPoolExecutor(
            workers, _CONTEXT, initializer=_prepare_worker, initargs=(self._at, places, prepare)
        )
        self._count = 0
        self._in_hand: dict[Future[Result], tuple[int, str]] = {}
        self._processes: dict[int | None, BaseProcess] = {}

    def __enter__(self) -> "_Pool[Task, Result]":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        if is_stopping():
            for process in self._processes.values():
                process.terminate()
        self._pool.shutdown(wait=True)

    def submit(self, task: Task) -> Future[Result]:
        self._count += 1
        try:
            future = self._pool.submit(_run, self._count, self._work, task)
        except BrokenProcessPool as error:
            raise self._death() from error
        self._in_hand[future] = (self._count, self._name(task))
        # Asked here, for the executor starts processes one by one and tells nobody of their end.
        self._processes |= {process.pid: process for process in _CONTEXT.active_children()}
        return future

    def result(self, future: Future[Result]) -> Result:
        try:
            result = future.result()
        except BrokenProcessPool as error:
            raise self._death() from error
        del self._in_hand[future]
        return result

    def _death(self) -> PvuwError:
        """Return what to tell of a dead worker; the executor has ended the others with SIGTERM."""
        self._pool.shutdown(wait=True)
        at = dict(zip(self._at[::2], self._at[1::2], strict=True))
        ends = {pid: process.exitcode for pid, process in self._processes.items() if pid in at}
        dead = {pid: code for pid, code in ends.items() if code not in (None, 0, -signal.SIGTERM)}
        names = dict(self._in_hand.values())
        had = [names[at[pid]] for pid in dead or ends if pid is not None and at[pid] in names]
        return PvuwError(
            f"a worker process {_how(list(dead.values()))}{' at ' if had else ''}{', '.join(had)}, "
            "probably for lack of memory; try --workers 1"
        )


def _how(exit_codes: Sequence[int | None]) -> str:
    code = exit_codes[0] if exit_codes else None
    if code is None:
        return "died"
    return f"died ({signal.Signals(-code).name})" if code < 0 else f"died (status {code})"


class _Worker:
    """What a worker process knows of itself."""

    at: "ctypes.Array[ctypes.c_longlong]"
    place: int
    is_at_work = False


def _prepare_worker(
    at: "ctypes.Array[ctypes.c_longlong]",
    places: "Synchronized[int]",
    prepare: Callable[[], None] | None,
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _stop_worker)
    end_with_parent()
    with places.get_lock():
        _Worker.at, _Worker.place = at, 2 * places.value
        places.value += 1
    _Worker.at[_Worker.place] = os.getpid()
    if prepare is not None:
        prepare()


def _run(number: int, work: Callable[[Task], Result], task: Task) -> Result:
    _Worker.at[_Worker.place + 1] = number
    _Worker.is_at_work = True
    try:
        return work(task)
    except Stopped as stopped:  # half-written files are gone
        _end_by(stopped.signum)
        raise
    finally:
        _Worker.is_at_work = False


def _stop_worker(signum: int, frame: object) -> None:
    del frame
    if _Worker.is_at_work:
        raise Stopped(signum)
    _end_by(signum)


def _end_by(signum: int) -> None:
    signal.signal(signum, signal.SIG_DFL)
    os.kill(os.getpid(), signum)


def end_with_parent() -> None:
    """Let this process, one of `multiprocessing`, end when the one that started it does."""
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    """Wait for the end of the process that started this one; killed, it cannot end its workers."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
