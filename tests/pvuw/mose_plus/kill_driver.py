"""A build that kills itself: `python -m tests.pvuw.mose_plus.kill_driver SETTINGS OUT WHERE NTH`.

WHERE names a function as `module:name`; its NTH call is never made, SIGKILL comes instead.
"""

import importlib
import os
import signal
import sys
from pathlib import Path

from tests.pvuw.mose_plus.build_make import build


def arm(where, nth):
    module_name, name = where.split(":")
    *parents, last = name.split(".")
    owner = importlib.import_module(module_name)
    for parent in parents:
        owner = getattr(owner, parent)
    original, calls = getattr(owner, last), 0

    def killer(*args, **options):
        nonlocal calls
        calls += 1
        if calls == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*args, **options)

    setattr(owner, last, killer)


if __name__ == "__main__":
    settings, out, where, nth, workers = sys.argv[1:]
    arm(where, int(nth))
    build(Path(settings), Path(out), workers=int(workers))
