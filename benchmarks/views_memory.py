"""Memory of test-time augmentation, and how far decoding and writing overlap with computing.

    python -m benchmarks.views_memory

Memory: one view and FVOS's 35 views with nano at 64 px, 50 and 500 frames, each in a fresh process.
Overlap: wall time of predicting a 100-frame 480p video into PNG files over that of computing the
same masks from decoded frames.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from unittest import mock

import psutil
import torch

from benchmarks.ablation import FVOS, PeakMemory
from benchmarks.results import Run, Table, add_save
from benchmarks.tables import markdown
from pvuw.inference.propagate import InferenceConfig, propagate
from pvuw.inference.views import ViewConfig
from pvuw.io.listing import VideoFolder, list_videos
from pvuw.io.mask_folder import MaskFolder
from pvuw.io.queries import Query
from pvuw.io.videos import Video
from pvuw.nets.sam2 import Sam2
from pvuw.sample.manifest import SampleSpec
from pvuw.sample.write import write_sample


def main() -> None:
    """Print both, or be the fresh process of a memory figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--grow", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--single", action="store_true", help=argparse.SUPPRESS)
    add_save(parser)
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.grow:
        views = ViewConfig() if args.single else ViewConfig(**FVOS, fusion="vote")
        print(growth(video_in(args.grow), views))
        return
    run, rows = Run("views_memory", args, "torch", "sam2"), []
    for frames, flags in ((50, ["--single"]), (500, ["--single"]), (50, []), (500, [])):
        with tempfile.TemporaryDirectory() as folder:
            write_sample(Path(folder) / "data", SampleSpec(0, 1, frames, (96, 160), 1, "calm"))
            command = [sys.executable, "-m", "benchmarks.views_memory", "--grow", folder, *flags]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            rows.append(["1" if flags else "35", frames, float(done.stdout)])
    with tempfile.TemporaryDirectory() as folder:
        write_sample(Path(folder) / "data", SampleSpec(0, 1, 100, (480, 854), 1, "calm"))
        times = overlap(video_in(Path(folder)), Path(folder) / "masks")
    heads = ("100 frames of 854x480, seconds in all", "computing alone", "ratio")
    tables = {
        "memory": Table(("views", "frames", "MiB added at the peak"), rows, ("{}", "{}", "{:.1f}")),
        "overlap": Table(heads, [[*times, times[0] / times[1]]], ("{:.2f}", "{:.2f}", "{:.3f}")),
    }
    for table in tables.values():
        print(markdown(asdict(table)))
    run.save(tables)


def video_in(folder: Path) -> Video:
    """The one video of a sample."""
    valid = folder / "data" / "valid"
    (video,) = list_videos(VideoFolder(valid / "JPEGImages", valid / "Annotations"))
    return video


def growth(video: Video, views: ViewConfig) -> float:
    """MiB this process grows by at its peak while it runs views over a video."""
    net = Sam2(image_size=64).eval()
    config = InferenceConfig(views=views)
    process = psutil.Process()
    before = process.memory_info().rss
    with PeakMemory(process) as peak:
        for _ in propagate(net, Query.of(video), config):
            pass
    return (peak.bytes - before) / 2**20


def overlap(video: Video, masks: Path) -> tuple[float, float]:
    """Wall time of reading, computing and writing, and of computing alone, best of three."""
    net = Sam2(image_size=256).eval()
    frames = [video.read_frame(i) for i in range(len(video))]
    folder, query = MaskFolder(masks), Query.of(video)
    everything, computing = [], []
    for _ in range(3):
        started = time.perf_counter()
        with folder.open(query.query_id, len(video)) as write:
            for frame in propagate(net, query, InferenceConfig()):
                write(frame)
        everything.append(time.perf_counter() - started)
        with mock.patch.object(Video, "read_frame", lambda _, i: frames[i]):
            started = time.perf_counter()
            for _frame in propagate(net, query, InferenceConfig()):
                pass
            computing.append(time.perf_counter() - started)
    return min(everything), min(computing)


if __name__ == "__main__":
    main()
