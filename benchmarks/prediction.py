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
from dataclasses import asdict, dataclass
from pathlib import Path
from unittest import mock

import numpy as np
import psutil
import torch
from torch import Tensor

from benchmarks.results import Run, Table, add_save
from benchmarks.tables import markdown
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
    run = Run("prediction", args, "torch", "sam2")
    clock = time.process_time if args.clock == "cpu" else time.perf_counter
    with tempfile.TemporaryDirectory() as name:
        tables = {"speed": speed_table(Path(name), args, clock)}
        if not args.skip_memory:
            tables["memory"] = memory_table(Path(name))
    for table in tables.values():
        print(markdown(asdict(table)))
    run.save(tables)


def speed_table(folder: Path, args: argparse.Namespace, clock: Callable[[], float]) -> Table:
    """One row per network and number of objects, times in milliseconds per frame."""
    masks = write_video(folder / "speed", num_frames=args.frames)
    rows = []
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
            (ours_ms, upstream_ms), whole = columns(ours, theirs, args.frames)
            figures = [ours_ms, upstream_ms, ours_ms / upstream_ms, whole[0] / whole[1]]
            rows.append([size, count, *figures])
            print(*rows[-1], flush=True)
    heads = (f"network at {IMAGE_SIZE} px", "objects", "ms per frame, ours", "upstream", "ratio")
    formats = ("{}", "{}", "{:.1f}", "{:.1f}", "{:.2f}", "{:.2f}")
    return Table((*heads, "whole video"), rows, formats)


def columns(
    ours: list[FrameSeconds], theirs: list[FrameSeconds], num_frames: int
) -> tuple[list[float], list[float]]:
    """Milliseconds of both: medians of propagation, means of everything."""
    later = [t for t in range(len(ours)) if t % num_frames]
    return (
        [1e3 * statistics.median(x[t].propagation for t in later) for x in (ours, theirs)],
        [1e3 * statistics.mean(f.everything for f in x) for x in (ours, theirs)],
    )


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


def memory_table(folder: Path) -> Table:
    """Peak growth of a fresh process by length of the video."""
    grown: dict[str, list[float]] = {"ours": [], "upstream": []}
    for frames in MEMORY_FRAMES:
        video = folder / f"memory{frames}"
        write_video(video, num_frames=frames)
        for who, found in grown.items():
            command = [sys.executable, "-m", "benchmarks.prediction", "--grow", who]
            done = subprocess.run(
                [*command, "--folder", str(video)], check=True, capture_output=True, text=True
            )
            found.append(float(done.stdout))
    heads = ("peak memory added, MiB (nano, 1 object)", *(f"{n} frames" for n in MEMORY_FRAMES))
    return Table(heads, [[who, *found] for who, found in grown.items()], ("{}", "{:.1f}", "{:.1f}"))


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
    add_save(parser)
    parser.add_argument("--skip-memory", action="store_true", help="speed only")
    parser.add_argument("--grow", choices=("ours", "upstream"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
