"""Seconds and memory until a command answers: `python -m benchmarks.startup`."""

import os
import statistics
import subprocess
import sys
import time

from benchmarks.machine import describe_machine

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
    """Wall seconds and peak memory in MB of one run of the interpreter."""
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - started
    if status:
        raise SystemExit(f"python {' '.join(arguments)} failed")
    return seconds, usage.ru_maxrss / 1024


def main() -> None:
    """Print the table."""
    print(describe_machine())
    print("| command | median s | memory MB |\n|---|---|---|")
    for arguments in COMMANDS:
        runs = [measure(arguments) for _ in range(_RUNS + 1)][1:]  # the first fills the disk cache
        seconds = statistics.median(run[0] for run in runs)
        memory = statistics.median(run[1] for run in runs)
        name = " ".join(arguments).replace("-m pvuw", "pvuw")
        print(f"| `{name}` | {seconds:.2f} | {memory:.0f} |")


if __name__ == "__main__":
    main()
