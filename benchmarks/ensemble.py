"""Time and memory of `pvuw ensemble` on id maps of five members.

    python -m benchmarks.ensemble
    python -m benchmarks.ensemble --frames 100 1000

Members are generated: five ellipses that move and pass each other at 1920x1080, drawn with other
edges by each member; one swaps two ids half-way, one loses an object, one lags behind. First the
steps in one process and on one core, then the whole command, which reads and writes PNGs: one video
on one core, and two videos on two.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import describe_machine
from pvuw.ensemble.evidence import ArrayFrames, Evidence
from pvuw.ensemble.fuse import Fuser, vote
from pvuw.ensemble.members import Member, MemberFrames
from pvuw.ensemble.pixels import paint
from pvuw.ensemble.select import judge_by_agreement, select
from pvuw.io.masks import write_id_map

SIZE_HW = (1080, 1920)
MEMBERS = ("sam2", "cutie", "livos", "xmem", "tmo")
OBJECTS = 5
IN_MEMORY = 20  # frames: 2 MB each and member


def main() -> int:
    """Measure and print."""
    args = parse_arguments()
    cv2.setNumThreads(1)
    print(describe_machine("numpy", "opencv-python-headless"))
    print(f"load average {os.getloadavg()[0]:.1f} at the start; others may be working here")
    print(f"{len(MEMBERS)} members, {OBJECTS} objects, {SIZE_HW[1]}x{SIZE_HW[0]}")
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for frames in args.frames:
            for video in range(2):
                write_members(root / f"{frames}", f"v{video}", frames)
        measure_reading(root / f"{args.frames[0]}", args.frames[0])
        for method in ("vote", "fuse", "select"):
            for frames in args.frames:
                for videos in (1, 2):
                    measure_command(root, method, frames, videos=videos)
    measure_steps()  # last: a command's peak would contain what this process holds
    return 0


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--frames", type=int, nargs="+", default=[100, 400])
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


def per_100(steps: Callable[[], object], frames: int) -> float:
    """Seconds for 100 frames, the best of three."""
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        steps()
        seconds.append(time.perf_counter() - started)
    return min(seconds) * 100 / frames


def measure_steps() -> None:
    """Print the time of each step on id maps in memory."""
    members = [[draw(m, t, IN_MEMORY) for t in range(IN_MEMORY)] for m in range(len(MEMBERS))]
    frames, weights = ArrayFrames(members), [1.0] * len(MEMBERS)
    evidence = Evidence(frames, weights)
    judge = judge_by_agreement(dict(zip(MEMBERS, weights, strict=True)))
    chosen = select(Fuser(evidence), MEMBERS, judge)

    def follow() -> None:
        for t in range(IN_MEMORY):
            paint(evidence.read(t), chosen.ballot(t), size_hw=SIZE_HW)

    steps: dict[str, Callable[[], object]] = {
        "vote": lambda: list(vote(frames, weights)),
        "fuse, first look (tracks, agreement)": lambda: Evidence(frames, weights),
        "fuse, answer": lambda: list(Fuser(evidence).answers()),
        "select, second look (pseudo-label, features)": lambda: select(
            Fuser(evidence), MEMBERS, judge
        ),
        "select, answer": follow,
    }
    print("id maps in memory, one core, seconds for 100 frames:")
    for name, step in steps.items():
        print(f"  {name:46} {per_100(step, IN_MEMORY):5.2f}")


def write_members(root: Path, video: str, frames: int) -> None:
    """Write a video of all members."""
    for number, name in enumerate(MEMBERS):
        for t in range(frames):
            write_id_map(root / name / video / f"{t:05d}.png", draw(number, t, frames))


def measure_reading(root: Path, frames: int) -> None:
    """Print the time to decode the PNGs of all members once."""
    reader = MemberFrames([Member.find(root / name) for name in MEMBERS], "v0")

    def read_all() -> None:
        for t in range(frames):
            reader.read(t)

    seconds = per_100(read_all, frames)
    print(f"decoding the PNGs of all members once: {seconds:.2f} s for 100 frames")


def measure_command(root: Path, method: str, frames: int, *, videos: int) -> None:
    """Print time and memory of the whole command on one or two videos, as many processes."""
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
    print(
        f"pvuw ensemble {method}, {videos} videos of {frames} frames, {videos} processes: "
        f"{wall:.1f} s, {cpu:.1f} s of CPU, {wall * 100 / frames / videos:.2f} s for 100 frames, "
        f"peak {usage.ru_maxrss / 1024:.0f} MB"
    )


if __name__ == "__main__":
    sys.exit(main())
