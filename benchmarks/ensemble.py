"""Time and memory of `pvuw ensemble` on id maps of five members.

    python -m benchmarks.ensemble
    python -m benchmarks.ensemble --frames 100 1000

Members are generated: five ellipses that move and pass each other at 1920x1080, drawn with other
edges by each member; one swaps two ids half-way, one loses an object, one lags behind. First one
process on id maps in memory and from PNGs, nothing written; then the whole command, which writes
PNGs too: one video, its memory for each length, and two videos at once. Processor time is printed
beside the time that passed: others may be working on the machine.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.results import Run, Table, add_save
from benchmarks.tables import markdown
from pvuw.ensemble.fuse.evidence import Evidence, Frames
from pvuw.ensemble.fuse.fusion import Fuser, vote
from pvuw.ensemble.members.folders import Member, MemberFrames
from pvuw.ensemble.recommend.select import follow, judge_by_weight, select
from pvuw.io.masks import write_id_map
from tests.helpers.array_frames import ArrayFrames

SIZE_HW = (1080, 1920)
MEMBERS = ("sam2", "cutie", "livos", "xmem", "tmo")
OBJECTS = 5
METHODS = ("vote", "fuse", "select")
IN_MEMORY = 20  # frames: 2 MB each and member

Row = list[Any]


def main() -> int:
    """Measure and print."""
    args = parse_arguments()
    cv2.setNumThreads(1)
    run = Run("ensemble", args, "numpy", "opencv-python-headless")
    times: dict[str, list[Row]] = {}
    commands: list[Row] = []
    print(f"load average {os.getloadavg()[0]:.1f} at the start; others may be working here")
    print(f"{len(MEMBERS)} members, {OBJECTS} objects, {SIZE_HW[1]}x{SIZE_HW[0]}")
    shortest = min(args.frames)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for frames in args.frames:
            for video in range(2 if frames == shortest else 1):
                write_members(root / f"{frames}", f"v{video}", frames)
        for method in METHODS:
            commands += [measure_command(root, method, n, videos=1) for n in args.frames]
            commands.append(measure_command(root, method, shortest, videos=2))
        # These come last: a command's peak would contain what this process holds.
        folders = [Member.find(root / f"{shortest}" / name) for name in MEMBERS]
        times["from PNGs, nothing written"] = measure_methods(MemberFrames(folders, "v0"))
    members = [[draw(m, t, IN_MEMORY) for t in range(IN_MEMORY)] for m in range(len(MEMBERS))]
    times["id maps in memory"] = measure_methods(ArrayFrames(members))
    seconds = ("seconds for 100 frames", "of CPU")
    rows = [[what, *row] for what, found in times.items() for row in found]
    heads = ("command", "videos", "frames", *seconds, "peak MB")
    tables = {
        "time": Table(("one process", "step", *seconds), rows, ("{}", "{}", "{:.2f}", "{:.2f}")),
        "commands": Table(heads, commands, ("{}", "{}", "{}", "{:.2f}", "{:.2f}", "{:.0f}")),
    }
    for table in tables.values():
        print(markdown(asdict(table)))
    run.save(tables)
    return 0


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--frames", type=int, nargs="+", default=[100])
    add_save(parser)
    return parser.parse_args()


def draw(member: int, time_: int, frames: int) -> NDArray[np.uint8]:
    """One member's id map of one frame."""
    ids = np.zeros(SIZE_HW, np.uint8)
    lag = 6 if member == 4 else 0
    for number in range(OBJECTS):
        if member == 2 and number == 4 and time_ > frames // 3:
            continue
        phase = (time_ - lag) / 40 + 1.3 * number
        centre = (int(960 + 700 * np.sin(phase)), 160 + 190 * number)
        axes = (90 + 2 * member, 60 + 3 * member)
        object_id = number + 1
        if member == 3 and time_ >= frames // 2 and number < 2:
            object_id = 2 - number
        cv2.ellipse(ids, centre, axes, 20 * number + 3 * member, 0, 360, object_id, -1)
    return ids


def per_100(steps: Callable[[], object], frames: int) -> tuple[float, float]:
    """Seconds passed and seconds of processor time for 100 frames, each the best of three."""
    passed, used = [], []
    for _ in range(3):
        started, before = time.perf_counter(), time.process_time()
        steps()
        passed.append(time.perf_counter() - started)
        used.append(time.process_time() - before)
    return min(passed) * 100 / frames, min(used) * 100 / frames


def measure_methods(frames: Frames) -> list[Row]:
    """The time of each method, and of its steps, on frames that are read but not written."""
    weights = [1.0] * len(MEMBERS)
    evidence = Evidence(frames, weights)
    judge = judge_by_weight(dict(zip(MEMBERS, weights, strict=True)))
    chosen = select(Fuser(evidence), MEMBERS, judge)

    def read() -> None:
        for position in range(len(frames)):
            frames.read(position)

    def select_all() -> None:
        own = Evidence(frames, weights)
        exhaust(follow(own, select(Fuser(own), MEMBERS, judge)))

    steps: dict[str, Callable[[], object]] = {
        "reading alone": read,
        "vote": lambda: exhaust(vote(frames, weights)),
        "fuse": lambda: exhaust(Fuser(Evidence(frames, weights)).answers()),
        "select": select_all,
        "first look (tracks), of fuse and select": lambda: Evidence(frames, weights),
        "answer of fuse": lambda: exhaust(Fuser(evidence).answers()),
        "second look of select (pseudo-label, features)": lambda: select(
            Fuser(evidence), MEMBERS, judge
        ),
        "answer of select": lambda: exhaust(follow(evidence, chosen)),
    }
    return [[name, *per_100(step, len(frames))] for name, step in steps.items()]


def exhaust(answers: Iterator[object]) -> None:
    """Take all answers and keep none."""
    deque(answers, maxlen=0)


def write_members(root: Path, video: str, frames: int) -> None:
    """Write a video of all members."""
    for number, name in enumerate(MEMBERS):
        for t in range(frames):
            write_id_map(root / name / video / f"{t:05d}.png", draw(number, t, frames))


def measure_command(root: Path, method: str, frames: int, *, videos: int) -> Row:
    """Time and memory of the whole command on one or two videos, as many processes."""
    folder = root / f"{frames}"
    listed = root / "videos.txt"
    listed.write_text("".join(f"v{number}\n" for number in range(videos)))
    out = root / f"out-{method}-{frames}-{videos}"
    command = [sys.executable, "-m", "pvuw", "ensemble", method, "--out", out, "--videos", listed]
    command += ["--workers", videos, "--pred", *(folder / name for name in MEMBERS)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    started = time.perf_counter()
    with subprocess.Popen(
        [*map(str, command)], stdout=subprocess.DEVNULL, env=environment
    ) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall, cpu = time.perf_counter() - started, usage.ru_utime + usage.ru_stime
    if process.returncode:
        sys.exit(f"pvuw ensemble {method} failed: {process.returncode}")
    # The peak is that of the largest process.
    per_hundred = [100 * spent / frames / videos for spent in (wall, cpu)]
    return [method, videos, frames, *per_hundred, usage.ru_maxrss / 1024]


if __name__ == "__main__":
    sys.exit(main())
