"""Runs of several processes on one machine, over gloo: started as torchrun starts them."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.helpers import fork_server

ROOT = Path(__file__).parents[2]
CPU = ("--trainer.accelerator", "cpu")
LIMIT = 900  # seconds until a hang is one


def environment():
    """The environment of a command that is started from a test."""
    return os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def pvuw(*words, timeout=LIMIT, **kwargs):
    """Run the command as a user does, in a new interpreter; its output comes as text."""
    command = [sys.executable, "-m", "pvuw", *(str(word) for word in words)]
    options = {"env": environment(), "capture_output": True, "text": True, "timeout": timeout}
    return subprocess.run(command, check=False, **options | kwargs)


@dataclass
class Ended:
    """What became of a process: its status, negative where a signal ended it, and its output."""

    status: int
    out: str
    err: str


class Run:
    """Processes that are running together."""

    def __init__(self, server, folder, pids):
        self._server, self._folder, self.pids = server, folder, pids

    def kill(self, signum, *ranks):
        """Send a signal to some of the processes, by default to all."""
        for rank in ranks or range(len(self.pids)):
            with suppress(ProcessLookupError):
                os.kill(self.pids[rank], signum)

    def ended(self):
        """Wait for all of them."""
        statuses = self._server.end()
        return [Ended(status, *self._texts(rank)) for rank, status in enumerate(statuses)]

    def said(self, rank=0):
        """What a process has said so far."""
        return "".join(self._texts(rank))

    def _texts(self, rank):
        """Its output and its errors; a process that was killed at once never opened their files."""
        paths = [self._folder / f"{rank}.{name}" for name in ("out", "err")]
        return [path.read_text() if path.exists() else "" for path in paths]


class Processes:
    """Starts runs of several processes, each forked from a process that has imported everything."""

    def __init__(self):
        self._process = subprocess.Popen(
            [sys.executable, "-m", fork_server.__name__],
            cwd=ROOT,
            env=environment() | {"WANDB_MODE": "disabled"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._pids = []

    def start(self, *words, folder, count=2, call="", env=None):
        """Start a command, or `call` = `module:function` with words, in `count` processes.

        Args:
            words: Of the command, without the number of devices.
            folder: A folder for this run alone, for its output.
            count: Processes; 1 is a plain one.
            call: Instead of the command line.
            env: What all of them have in their environment.
        """
        if self._pids:  # of a test that failed before their end
            self._kill()
            self.end()
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        argv = [str(word) for word in words]
        if count > 1 and not call:
            argv += [*CPU, "--trainer.devices", str(count)]  # later words win
        environments = [(env or {}) | place for place in _places(count)]
        request = fork_server.Request(
            call=call, argv=argv, folder=str(folder), environments=environments
        )
        print(json.dumps(request), file=self._process.stdin, flush=True)
        self._pids = self.answer()
        return Run(self, folder, self._pids)

    def end(self):
        """Wait for the end of the run; the statuses of its processes."""
        statuses = self.answer()
        self._pids = []
        return statuses

    def run(self, *words, **kwargs):
        """Start a run and wait for its end."""
        return self.start(*words, **kwargs).ended()

    def answer(self):
        """The next answer, or, after the time in which nothing hangs, the end of the run."""
        signal.signal(signal.SIGALRM, self._give_up)
        signal.alarm(LIMIT)
        try:
            return json.loads(self._process.stdout.readline())
        finally:
            signal.alarm(0)

    def close(self):
        """End the process that all are forked from."""
        self._process.stdin.close()
        self._process.wait()

    def _kill(self):
        for pid in self._pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _give_up(self, *_):
        self._kill()
        raise TimeoutError(f"a run hung for {LIMIT} seconds")


def family(pid):
    """Command lines of a process and of all that it and they have started, by process."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            words = path.read_bytes().decode().split("\0")
            parent = int(path.with_name("stat").read_text().rsplit(")", 1)[1].split()[1])
            found[int(path.parent.name)] = (parent, words)
    own = {pid}
    while more := {p for p, (parent, _) in found.items() if parent in own} - own:
        own |= more
    return {p: found[p][1] for p in own if p in found}


def wait_until(condition, *, seconds=300):
    """Wait for a condition to be true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} seconds for {condition}"
        time.sleep(0.01)


def _places(count):
    """What tells processes of each other, as torchrun does."""
    if count == 1:
        return [{}]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "TORCHELASTIC_RUN_ID": "test"}
    shared |= {"WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count), "GROUP_RANK": "0"}
    return [shared | {"RANK": str(r), "LOCAL_RANK": str(r)} for r in range(count)]
