"""`python -m tests.fuzz pictures --seconds 600 --seed 1`: damage inputs until time is up.

Prints the number of the first case that ends in anything but a result or one line for the user, and
its traceback; `--only NUMBER` runs that case again. A case that takes 20 seconds counts as hanging.
A case that ends the process is the number that stands in the file named at the start.
"""

import argparse
import random
import signal
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

from tests.fuzz.targets import TARGETS

_PATIENCE_S = 20


def run_case(case, seed, number):
    """Run one case; it is drawn from seed and number alone."""
    signal.alarm(_PATIENCE_S)
    try:
        case(random.Random(f"{seed} {number}"))
    finally:
        signal.alarm(0)


def _hangs(*_):
    raise TimeoutError(f"no result after {_PATIENCE_S} s")


def main():
    """Run one target; 1 if a case failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int)
    args = parser.parse_args()
    signal.signal(signal.SIGALRM, _hangs)
    warnings.simplefilter("ignore")
    folder = Path(tempfile.mkdtemp())
    case, note, number = TARGETS[args.target](folder), folder / "case", 0
    print(f"{args.target}: seed {args.seed}, case in {note}", flush=True)
    if args.only is not None:
        run_case(case, args.seed, args.only)
        return 0
    end, failed = time.monotonic() + args.seconds, {}
    while time.monotonic() < end:
        note.write_text(str(number))
        try:
            run_case(case, args.seed, number)
        except Exception as error:  # whatever it is, that is what is looked for
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{type(error).__name__} {place.filename}:{place.lineno}"
            if failed.setdefault(where, number) == number:
                print(f"case {number}: {where}", *traceback.format_exception(error), flush=True)
        number += 1
    print(f"{args.target}: {number} cases, {len(failed)} kinds of failure {failed}", flush=True)
    return 1 if failed else 0


sys.exit(main())
