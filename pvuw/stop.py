"""Runs that are told to stop: by Ctrl-C, by SIGTERM, by the end of what they are part of."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

PARENT = "PVUW_PARENT"
"""Environment variable of a process that is part of another one's run: that one's number."""
_PAUSE = 0.2
_PATIENCE = 5.0
"""Seconds after the first signal in which Ctrl-C does nothing more: it comes several times where a
whole process group is told."""


class Stopped(BaseException):
    """A signal has told this process to stop; raised wherever it was, so that all is tidied up.

    No `Exception`, like `KeyboardInterrupt`: what goes on after an error may not go on after it.
    """

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum

    def __str__(self) -> str:
        """In words, for whatever is broken off."""
        return f"stopped by {signal.Signals(self.signum).name}"

    @property
    def status(self) -> int:
        """The exit status by which a shell tells which signal it was."""
        return 128 + self.signum


class _Handler:
    """What SIGINT and SIGTERM do in the process that made it."""

    current: "_Handler | None" = None

    def __init__(self) -> None:
        self._process = os.getpid()
        self._first: float | None = None

    @property
    def was_called(self) -> bool:
        return self._first is not None and os.getpid() == self._process

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        del frame
        if os.getpid() != self._process:  # a loader's worker, which was forked with this handler
            raise KeyboardInterrupt
        now = time.monotonic()
        if self._first is None:
            self._first = now
            raise Stopped(signum)
        # Tidying up hangs. Not by SIGTERM, which a run's own processes send each other.
        if signum == signal.SIGINT and now - self._first > _PATIENCE:
            os._exit(128 + signum)


@contextmanager
def stop_on_signals() -> Iterator[None]:
    """Have SIGINT and SIGTERM raise `Stopped` within the block, where the main thread runs it.

    Signals that follow are ignored, so that what the first one has begun can be ended; a Ctrl-C
    after five seconds ends the process at once.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {signum: signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM)}
    handler = _Handler.current = _Handler()
    for signum in before:
        signal.signal(signum, handler)
    try:
        yield
    finally:
        for signum, previous in before.items():
            signal.signal(signum, signal.SIG_DFL if previous is None else previous)


def is_stopping() -> bool:
    """Whether the latest `stop_on_signals` block of this process has been told to stop."""
    return _Handler.current is not None and _Handler.current.was_called


class _Parent:
    """The process that this one's life depends on."""

    pid: int | None = None


def is_part_of_another() -> bool:
    """Whether this process is part of the run of the one that started it, which still lives."""
    return _Parent.pid is not None and _Parent.pid == os.getppid()


def is_first() -> bool:
    """Whether this is the process of a run, or of torchrun's or SLURM's, that speaks for all."""
    ranks = (os.environ.get(name) for name in ("RANK", "SLURM_PROCID", "LOCAL_RANK"))
    return next((rank for rank in ranks if rank is not None), "0") == "0"


def stop_with_parent() -> None:
    """Stop when the process that started this one ends, if that said it is part of its run."""
    if os.environ.get(PARENT) == str(os.getppid()) and not is_part_of_another():
        _Parent.pid = os.getppid()
        threading.Thread(target=_wait_for_end_of, args=(_Parent.pid,), daemon=True).start()


def leave_after_parent(seconds: float) -> None:
    """Wait for the end of the process that this one is part of; that is no reason to stop now."""
    parent, _Parent.pid = _Parent.pid, None
    end = time.monotonic() + seconds
    while os.getppid() == parent and time.monotonic() < end:
        time.sleep(_PAUSE)


def _wait_for_end_of(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_PAUSE)
    if _Parent.pid == parent:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(2 * _PATIENCE)  # it may wait for the dead one where no signal is handled
        os._exit(128 + signal.SIGTERM)
