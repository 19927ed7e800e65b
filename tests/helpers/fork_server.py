"""Imports everything once and forks the processes of a run from there: imports take seconds.

Not a test: `processes.py` starts it. Each line of input asks for a run (see `Request`); answers are
the pids of its processes, then, when all have ended, their statuses.
"""

import importlib
import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import TypedDict

import torch

from pvuw import lightning_cli
from pvuw.cli import main

assert lightning_cli


class Request(TypedDict):
    """What is to be run."""

    call: str
    """`module:function`, called with `argv`, or empty for the command line itself."""
    argv: list[str]
    folder: str
    """Gets `<rank>.out` and `<rank>.err`; the processes start in it."""
    environments: list[dict[str, str]]
    """One process each: what its environment has more."""


def run(request: Request, rank: int) -> None:
    """Be one process of a run; never returns."""
    status = 1
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.setpgid(0, 0)
        os.chdir(request["folder"])
        os.environ |= request["environments"][rank]
        for stream, name in ((1, "out"), (2, "err")):
            file = os.open(Path(f"{rank}.{name}"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(file, stream)
        torch.set_num_threads(1)
        if request["call"]:
            module, function = request["call"].split(":")
            status = getattr(importlib.import_module(module), function)(*request["argv"]) or 0
        else:
            status = main(request["argv"])
    except SystemExit as stopped:
        status = stopped.code if isinstance(stopped.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def serve() -> None:
    for line in sys.stdin:
        request: Request = json.loads(line)
        pids = []
        for rank in range(len(request["environments"])):
            pid = os.fork()
            if pid == 0:
                run(request, rank)
            pids.append(pid)
        print(json.dumps(pids), flush=True)
        statuses = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
        print(json.dumps(statuses), flush=True)


if __name__ == "__main__":
    serve()
