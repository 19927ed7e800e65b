"""Processor seconds and memory until a command answers: `python -m benchmarks.startup`.

Processor time, since other work on the machine counts little in it; the first is left out.
"""

import argparse
import os
import statistics
import subprocess
import sys
from dataclasses import asdict

from benchmarks.results import Run, Table, add_save
from benchmarks.tables import markdown

COMMANDS = (
    ["-m", "pvuw", "--help"],
    ["-m", "pvuw", "evaluate", "--help"],
    ["-m", "pvuw", "sample", "--help"],
    ["-m", "pvuw", "weights", "--help"],
    ["-m", "pvuw", "fit", "--help"],
    ["-c", "import torch, lightning, kornia, sam2"],
)
_RUNS = 5


def measure(arguments: list[str]) -> tuple[float, float]:
    """Processor seconds and peak memory in MB of one run of the interpreter."""
    process = subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"python {' '.join(arguments)} failed")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add_save(parser)
    run, rows = Run("startup", parser.parse_args(), "torch"), []
    for arguments in COMMANDS:
        runs = [measure(arguments) for _ in range(_RUNS + 1)][1:]  # the first fills the disk cache
        name = " ".join(arguments).replace("-m pvuw", "pvuw")
        rows.append(
            [f"`{name}`", *(statistics.median(column) for column in zip(*runs, strict=True))]
        )
    heads = ("command", "seconds of processor time", "memory MB")
    table = Table(heads, rows, ("{}", "{:.2f}", "{:.0f}"))
    print(markdown(asdict(table)))
    run.save({"commands": table})


if __name__ == "__main__":
    main()
