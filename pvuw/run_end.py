"""How a run of one or several processes begins further ones of its kind, and how it ends."""

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, Protocol

from torch import distributed

from pvuw.errors import line_of
from pvuw.processes import GRACE, PATIENCE, OthersEnded, Outcome, begin_run, end_together
from pvuw.stop import PARENT, Stopped, is_part_of_another, leave_after_parent


class RunModule(Protocol):
    """What is asked of the module that was run."""

    failures: dict[str, str]
    """Reason by video."""
    predicts: bool
    """Whether it has begun to predict, which each process does by itself."""


def run_to_the_end(command: Callable[[], None], trainer: Any, module: RunModule) -> int:
    """Run a command of the trainer and end with all of the run's processes; the exit status.

    What has gone wrong is told once, whichever and however many processes it happened to, and the
    status is the same everywhere. While others predict, a process that has ended or failed waits
    for them as long as it takes. Where they wait for it, as in training, they may never get to say
    how they end, and are left ten seconds.

    Args:
        command: What to run.
        trainer: The trainer it runs.
        module: Its module.
    """
    error: Exception | None = None
    begin_run()
    try:
        outcome = Outcome()
        try:
            command()
        except OthersEnded:
            pass  # what they tell is what went wrong
        except Exception as raised:
            if (line := line_of(raised)) is not None:
                outcome = Outcome(2, [f"pvuw: error: {line}"])
            else:
                outcome, error = Outcome(1), raised
        outcome.failures = module.failures
        outcome.status = outcome.status or int(bool(outcome.failures))
        broken = error is not None or outcome.status > 1
        status = end_together(outcome, limit=GRACE if broken and not module.predicts else None)
    except Stopped as stopped:
        _tell_others(trainer)
        outcome = Outcome(stopped.status, [f"pvuw: {stopped}"])
        # In prediction none can be stuck: each only has to remove what it has half-written.
        status = end_together(outcome, limit=PATIENCE if module.predicts else GRACE)
    _leave(trainer, status)
    if error is not None:
        raise error
    return status


def _tell_others(trainer: Any) -> None:
    """Have the whole run stop where one of its processes was told to."""
    if trainer.strategy.launcher is not None:
        trainer.strategy.launcher.kill(signal.SIGTERM)
    if trainer.global_rank and is_part_of_another():
        os.kill(os.getppid(), signal.SIGTERM)


def _leave(trainer: Any, status: int) -> None:
    """Leave no process behind, and see that the first one's status is the run's."""
    if status == 0:
        return
    if trainer.strategy.launcher is not None:
        trainer.strategy.launcher.kill(signal.SIGKILL)  # they have ended or are stuck
    # Lightning 2.6.6 kills a run when it sees that a process it started has failed.
    if trainer.global_rank and is_part_of_another():
        leave_after_parent(PATIENCE + GRACE)


@contextmanager
def started_again_as(argv: Sequence[str]) -> Iterator[None]:
    """Have Lightning start further processes of this command and of no other.

    It runs again what `sys.argv` says, which is another program's or another command's where this
    one is called from Python.

    Args:
        argv: The command's words.
    """
    main = sys.modules["__main__"]
    before, environment = (sys.argv, main.__spec__), dict(os.environ)
    if sys.argv[1:] != list(argv):
        sys.argv, main.__spec__ = ["pvuw", *argv], find_spec("pvuw.__main__")
    os.environ[PARENT] = str(os.getpid())
    connected = distributed.is_initialized()
    try:
        yield
    finally:
        sys.argv, main.__spec__ = before
        # Else the next run in this process would take itself for a part of this one.
        os.environ.clear()
        os.environ.update(environment)
        if distributed.is_initialized() and not connected:
            distributed.destroy_process_group()
