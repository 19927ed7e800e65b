"""The same work on many videos: cached, in parallel, with a progress bar, going on after errors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

import cv2
from tqdm import tqdm

from pvuw.errors import DataError
from pvuw.mose_plus.cache import ResultCache
from pvuw.parallel import map_as_done
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
        for job, result in map_as_done(
            partial(_run, work),
            waiting,
            workers=min(workers, len(waiting)),
            name=lambda job: str(job.key),
            prepare=_one_thread,
        ):
            if not isinstance(result, BrokenVideo):
                cache.put(str(job.key), job.fingerprint, result)
            results[job.key] = result
            progress.update()
    ordered = [results[job.key] for job in jobs]
    return (
        [result for result in ordered if not isinstance(result, BrokenVideo)],
        [result for result in ordered if isinstance(result, BrokenVideo)],
    )


def _one_thread() -> None:
    cv2.setNumThreads(1)  # a worker per core is there already


def _run(work: Callable[[Task], dict[str, Any]], job: Job[Task]) -> dict[str, Any] | BrokenVideo:
    try:
        return work(job.task)
    except DataError as error:
        return BrokenVideo(job.key, str(error))
