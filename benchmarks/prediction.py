"""Our SAM 2 session against upstream's SAM2VideoPredictor: `python -m benchmarks.prediction`.

Same random weights, same JPEG files, masks at video size in the end, on the CPU. Both segment the
same video in lockstep, a frame each in turn, so that other load on the machine slows both alike.
Memory is what a fresh process adds to its size while it segments a video, at its peak.
"""

import argparse
import contextlib
import io
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
import psutil
import torch
from torch import Tensor

from benchmarks.machine import describe_machine
from pvuw.io.frames import read_frame
from pvuw.nets.sam2 import features
from pvuw.nets.sam2.build import build_sam2_base
from pvuw.nets.sam2.features import resize_frame
from pvuw.nets.sam2.session import Sam2Session
from pvuw.ops.id_maps import resize_logits
from pvuw.types import MaskPrompt
from tests.helpers.sam2_reference import build_predictor, write_generated_video

IMAGE_SIZE = 256
OBJECTS = (1, 5, 20)
SIZE_HW = (480, 854)
MEMORY_FRAMES = (50, 500)


@dataclass
class FrameSeconds:
    """Time one frame took; what happens before the first frame counts as part of it."""

    propagation: float
    """From the resized frame to masks at video size."""
    everything: float
    """From the JPEG file on."""


def main() -> None:
    """Measure and print, or be the fresh process of a memory figure."""
    args = parse_arguments()
    torch.set_num_threads(args.threads)
    if args.grow is not None:
        print(memory_growth(args.grow, args.folder))
        return
    print(describe_machine("torch", "sam2"))
    clock = time.process_time if args.clock == "cpu" else time.perf_counter
    with tempfile.TemporaryDirectory() as name:
        print_speed(Path(name), args, clock)
        if not args.skip_memory:
            print_memory(Path(name))


def print_speed(folder: Path, args: argparse.Namespace, clock: Callable[[], float]) -> None:
    """One row per network and number of objects, times in milliseconds per frame."""
    masks = write_video(folder / "speed", num_frames=args.frames)
    print(
        f"\n{args.frames} frames {SIZE_HW[1]}x{SIZE_HW[0]}, {args.threads} thread(s), ms per frame"
    )
    print(f"{args.clock} time of {args.repeats} videos in lockstep; ratio = ours / upstream\n")
    print("network   objects | propagation  upstream  ratio | whole video  upstream  ratio")
    for size in args.sizes:
        predictor = build_predictor(size, IMAGE_SIZE)
        net = build_sam2_base(size, image_size=IMAGE_SIZE).eval()
        net.load_state_dict(predictor.state_dict())
        for count in OBJECTS:
            given = {i + 1: masks[i % len(masks)] for i in range(count)}
            ours, theirs = [], []
            for _ in range(args.repeats):
                a = run_ours(net, folder / "speed", given, clock)
                b = run_upstream(predictor, folder / "speed", given, clock)
                for mine, other in zip(a, b, strict=True):
                    ours.append(mine)
                    theirs.append(other)
            print(f"{size:5}{IMAGE_SIZE:4} {count:8} | {columns(ours, theirs, args.frames)}")


def columns(ours: list[FrameSeconds], theirs: list[FrameSeconds], num_frames: int) -> str:
    """Milliseconds and ratios: medians of propagation, means of everything."""
    later = [t for t in range(len(ours)) if t % num_frames]
    pairs = (
        [statistics.median(x[t].propagation for t in later) for x in (ours, theirs)],
        [statistics.mean(f.everything for f in x) for x in (ours, theirs)],
    )
    return " | ".join(f"{a * 1e3:11.1f}  {b * 1e3:8.1f}  {a / b:5.2f}" for a, b in pairs)


def run_ours(
    net: torch.nn.Module, folder: Path, given: dict[int, Tensor], clock: Callable[[], float]
) -> Iterator[FrameSeconds]:
    """Stream a video through our session, one frame at a time."""
    files = sorted(folder.glob("*.jpg"))
    prompt = MaskPrompt(list(given), torch.stack(list(given.values())))
    resizing = 0.0

    def resize(frame: Tensor, side: int) -> Tensor:
        nonlocal resizing
        before = clock()
        resized = resize_frame(frame, side)
        resizing = clock() - before
        return resized

    session = Sam2Session(net, len(files))
    for file in files:
        start = clock()
        frame = read_frame(file)
        read = clock()
        with mock.patch.object(features, "resize_frame", resize):
            output = session.step(frame, prompt if file == files[0] else None)
        resize_logits(output.mask_logits, SIZE_HW)
        end = clock()
        yield FrameSeconds(end - read - resizing, end - start)


def run_upstream(
    predictor: torch.nn.Module, folder: Path, given: dict[int, Tensor], clock: Callable[[], float]
) -> Iterator[FrameSeconds]:
    """Propagate a video with upstream's predictor, one frame at a time."""
    with contextlib.redirect_stderr(io.StringIO()):  # progress bars
        start = clock()
        state = predictor.init_state(str(folder))
        for object_id, mask in given.items():
            predictor.add_new_mask(state, 0, object_id, mask)
        frames = iter(predictor.propagate_in_video(state))
        next(frames)
        first = clock() - start
    yield FrameSeconds(first, first)
    while True:
        start = clock()
        if next(frames, None) is None:
            return
        yield FrameSeconds(clock() - start, clock() - start)


def print_memory(folder: Path) -> None:
    """Peak growth of a fresh process by length of the video."""
    print(f"\npeak memory added, MiB, nano at {IMAGE_SIZE}, 1 object")
    for frames in MEMORY_FRAMES:
        video = folder / f"memory{frames}"
        write_video(video, num_frames=frames)
        for who in ("ours", "upstream"):
            command = [sys.executable, "-m", "benchmarks.prediction", "--grow", who]
            found = subprocess.run(
                [*command, "--folder", str(video)], check=True, capture_output=True, text=True
            )
            print(f"{frames:4} frames  {who:9} {float(found.stdout):7.1f}", flush=True)


def memory_growth(who: str, folder: Path) -> float:
    """MiB by which this process grows at its peak."""
    files = sorted(folder.glob("*.jpg"))
    height, width = read_frame(files[0]).shape[-2:]
    mask = torch.zeros(height, width, dtype=torch.bool)
    mask[100:200, 100:200] = True
    predictor = build_predictor("nano", IMAGE_SIZE)
    net = build_sam2_base("nano", image_size=IMAGE_SIZE).eval()
    before = psutil.Process().memory_info().rss
    if who == "ours":
        deque(run_ours(net, folder, {1: mask}, time.perf_counter), maxlen=0)
    else:
        deque(run_upstream(predictor, folder, {1: mask}, time.perf_counter), maxlen=0)
    return (peak_rss() - before) / 2**20


def peak_rss() -> int:
    """Most memory this process has held, bytes; Linux only.

    `getrusage` would not do: a new process starts with the peak of the one that started it.
    """
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def write_video(folder: Path, *, num_frames: int) -> list[Tensor]:
    """Write JPEGs; the masks of their first frame."""
    truth = write_generated_video(folder, num_frames=num_frames, size_hw=SIZE_HW)
    return [torch.from_numpy(truth[0] == i) for i in np.unique(truth[0])[1:]]


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="+", default=["nano", "tiny"], help="networks, at 256")
    parser.add_argument("--frames", type=int, default=24, help="length of the speed videos")
    parser.add_argument("--repeats", type=int, default=2, help="videos per row")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch")
    parser.add_argument(
        "--clock", choices=("wall", "cpu"), default="wall", help="cpu where others use the machine"
    )
    parser.add_argument("--skip-memory", action="store_true", help="speed only")
    parser.add_argument("--grow", choices=("ours", "upstream"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
