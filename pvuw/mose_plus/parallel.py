"""The same work on many videos: cached, in parallel, with a progress bar, going on after errors."""

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import cv2
from tqdm import tqdm

from pvuw.errors import DataError
from pvuw.mose_plus.cache import ResultCache
from pvuw.sources.keys import VideoKey

Task = TypeVar("Task")


@dataclass(frozen=True, slots=True)
class Job(Generic[Task]):
    """One video's share of the work."""

    key: VideoKey
    fingerprint: str
    """Of everything the result depends on."""
    task: Task
    """What the work is called with; travels to another process."""


@dataclass(frozen=True, slots=True)
class BrokenVideo:
    """A video that could not be read."""

    key: VideoKey
    message: str
    """One line that names the file and the fix."""


def run_cached(
    work: Callable[[Task], dict[str, Any]],
    jobs: Sequence[Job[Task]],
    *,
    cache: ResultCache,
    workers: int,
    label: str,
) -> tuple[list[dict[str, Any]], list[BrokenVideo]]:
    """Return the results of the videos that could be read, and the others, both in job order.

    Args:
        work: A module-level function; its result must be fit for JSON. A `DataError` makes the
            video a broken one and is not cached.
        jobs: One per video, keys unique.
        cache: Asked first, and told every new result as soon as it is there.
        workers: Processes; 0 and 1 work in this one.
        label: Says in the progress bar what is being done; the source follows if all share it.
    """
    results: dict[VideoKey, dict[str, Any] | BrokenVideo] = {}
    waiting: list[Job[Task]] = []
    for job in jobs:
        known = cache.get(str(job.key), job.fingerprint)
        if known is None:
            waiting.append(job)
        else:
            results[job.key] = known
    sources = {job.key.source for job in jobs}
    what = f"{label}: {sources.pop()}" if len(sources) == 1 else label
    hidden = None if jobs else True  # None: shown on a terminal only
    progress = tqdm(total=len(jobs), initial=len(results), desc=what, unit="video", disable=hidden)
    with progress, cache:
        for job, result in _finished(work, waiting, workers):
            if not isinstance(result, BrokenVideo):
                cache.put(str(job.key), job.fingerprint, result)
            results[job.key] = result
            progress.update()
    ordered = [results[job.key] for job in jobs]
    return (
        [result for result in ordered if not isinstance(result, BrokenVideo)],
        [result for result in ordered if isinstance(result, BrokenVideo)],
    )


def _finished(
    work: Callable[[Task], dict[str, Any]], jobs: Sequence[Job[Task]], workers: int
) -> Iterator[tuple[Job[Task], dict[str, Any] | BrokenVideo]]:
    """Yield jobs and their results in the order they are done."""
    if workers <= 1 or len(jobs) <= 1:
        for job in jobs:
            yield job, _run(work, job)
        return
    with _pool(min(workers, len(jobs))) as pool:
        futures: dict[Future[dict[str, Any] | BrokenVideo], Job[Task]] = {
            pool.submit(_run, work, job): job for job in jobs
        }
        for future in as_completed(futures):
            yield futures.pop(future), future.result()


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    # Forking a process that has torch's threads can hang; a fresh one costs half a second.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_prepare_worker)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)  # Ctrl-C must not wait for thousands of videos


def _prepare_worker() -> None:
    cv2.setNumThreads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Wait for the end of the process that started this one; killed, it cannot end its workers."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _run(work: Callable[[Task], dict[str, Any]], job: Job[Task]) -> dict[str, Any] | BrokenVideo:
    try:
        return work(job.task)
    except DataError as error:
        return BrokenVideo(job.key, str(error))
