"""The processes of one run: they wait for one another without a time limit, and end as one.

They talk through the store of their process group (plain TCP to the first process, or to
torchrun's agent). Collectives would not do: NCCL breaks off a run in which one process comes half
an hour after another, and nothing of a process that has failed would reach the others.
"""

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from torch import distributed

_PAUSE = 0.05
GRACE = 10.0
"""Seconds in which the others of a broken run say how they ended, if they still can."""
PATIENCE = 60.0
"""The same where nothing but a slow disk or a busy machine can keep them from it."""


@dataclass
class Outcome:
    """How a process has ended."""

    status: int = 0
    """Its exit status; that of the run is the highest."""
    problems: list[str] = field(default_factory=list)
    """Lines to show; each is shown once, whichever processes have it."""
    failures: dict[str, str] = field(default_factory=dict)
    """Reason by video, of videos that failed while others were done."""


class _Runs:
    """Counts that are the same in all processes, and tell the uses of one store from each other."""

    begun = 0
    """Runs that have begun: a process group may serve several in turn."""
    waits = 0


def several() -> bool:
    """Whether this run has several processes, and they are connected."""
    return (
        distributed.is_available()
        and distributed.is_initialized()
        and distributed.get_world_size() > 1
    )


def begin_run() -> None:
    """Leave behind what the processes told each other in a run before; all of them call it."""
    _Runs.begun += 1
    _Runs.waits = 0


class OthersEnded(Exception):
    """Another process of the run has ended, so that waiting for it would never end."""


def wait_for_all() -> None:
    """Come back when every process has called this as often as this one, however late the last.

    Raises:
        OthersEnded: If one has told its end instead.
    """
    if not several():
        return
    store, world = _store(), range(distributed.get_world_size())
    _Runs.waits += 1
    key, ends = _key(f"wait/{_Runs.waits}"), [_key("end", rank) for rank in world]
    store.add(key, 1)
    while store.add(key, 0) < len(world):
        if any(store.check([end]) for end in ends):
            raise OthersEnded
        time.sleep(_PAUSE)


def end_together(outcome: Outcome, *, limit: float | None) -> int:
    """Tell of the whole run how it ended, once, and return its exit status, the same everywhere.

    Args:
        outcome: How this process has ended.
        limit: Seconds to wait for the others; None: as long as it takes.
    """
    if not several():
        return _tell([outcome])
    try:
        return _end_together(outcome, limit)
    except distributed.DistError:  # the first process is gone, and what it has told with it
        return _tell([outcome])


def _end_together(outcome: Outcome, limit: float | None) -> int:
    rank, store = distributed.get_rank(), _store()
    store.set(_key("end", rank), json.dumps(asdict(outcome)))
    outcomes = _outcomes(store, limit)
    if rank == 0:
        status = _tell(outcomes)
        store.set(_key("told"), str(status))
        # The store may end with this process.
        others = range(1, distributed.get_world_size())
        _wait(store, [_key("bye", other) for other in others], limit or PATIENCE)
        return status
    if not _wait(store, [_key("told")], limit or PATIENCE):
        return _tell([outcome])
    status = int(store.get(_key("told")))
    store.set(_key("bye", rank), "")
    return max(status, outcome.status)


def _key(what: str, rank: int | None = None) -> str:
    return f"pvuw/{_Runs.begun}/{what}" + ("" if rank is None else f"/{rank}")


def _store() -> Any:
    group = distributed.group.WORLD
    assert group is not None
    return group.get_group_store()


def _outcomes(store: Any, limit: float | None) -> list[Outcome]:
    """Outcomes of the processes that said theirs in time."""
    keys = [_key("end", rank) for rank in range(distributed.get_world_size())]
    _wait(store, keys, limit)
    said = [store.get(key) for key in keys if store.check([key])]
    return [Outcome(**json.loads(text)) for text in said]


def _wait(store: Any, keys: Sequence[str], limit: float | None) -> bool:
    """Whether all keys are there in time; asked again and again, so that a signal is heard."""
    end = None if limit is None else time.monotonic() + limit
    while not store.check(list(keys)):
        if end is not None and time.monotonic() > end:
            return False
        time.sleep(_PAUSE)
    return True


def _status(outcomes: Sequence[Outcome]) -> int:
    return max(outcome.status for outcome in outcomes)


def _tell(outcomes: Sequence[Outcome]) -> int:
    failures = {k: v for outcome in outcomes for k, v in outcome.failures.items()}
    for video_id, reason in sorted(failures.items()):
        print(f"pvuw: video {video_id} failed: {reason}", file=sys.stderr)
    for line in dict.fromkeys(line for outcome in outcomes for line in outcome.problems):
        print(line, file=sys.stderr)
    if failures:
        print(f"pvuw: {len(failures)} of the videos failed, the others are done", file=sys.stderr)
    sys.stderr.flush()
    return _status(outcomes)
