"""Each step of the prediction pipeline on and off: J&F, time and memory.

    python -m benchmarks.ablation [--clips CLIPS] [--only NAME ...]

Nano with its shipped weights on generated videos it never saw, one thread; every row runs in a
process of its own. CLIPS adds real clips (`<data set>/JPEGImages`, `<data set>/Annotations`).
Seconds are processor time per frame, decoding and scoring included; MiB is what the process grew by
at its peak after the network was built. Rows of seven scales and more take no real clips.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import psutil
import torch

from benchmarks.real_clips import find_folders, scorable
from benchmarks.results import NANO, Run, Table, add_save
from benchmarks.tables import markdown
from pvuw.inference.propagate import InferenceConfig, propagate
from pvuw.inference.steps import (
    CloseGaps,
    ConfidenceControl,
    FillHoles,
    RemoveSmallParts,
    TemporalFusion,
)
from pvuw.inference.views import ViewConfig
from pvuw.io.listing import VideoFolder, list_videos
from pvuw.io.queries import Query
from pvuw.io.videos import Video
from pvuw.metrics.accumulate import VideoScore
from pvuw.nets.sam2 import Sam2
from pvuw.nets.shipped import SHIPPED
from pvuw.sample.manifest import SampleSpec
from pvuw.sample.write import write_sample

SEED = 778
SCALES = [1 + i / 8 for i in range(7)]
TURNS = [0, 90, 180, 270]
MIRRORED = [False, True]
FVOS = {"scales": SCALES, "rotations": TURNS, "flips": MIRRORED}
ROWS: dict[str, InferenceConfig] = {
    "plain": InferenceConfig(),
    "confidence 7.5/-4 in memory": InferenceConfig(),
    "confidence 7.5/-4 on output": InferenceConfig(score_steps=[ConfidenceControl()]),
    "temporal fusion": InferenceConfig(score_steps=[TemporalFusion()]),
    "close gaps": InferenceConfig(mask_steps=[CloseGaps()]),
    "fill holes, remove fragments": InferenceConfig(mask_steps=[FillHoles(), RemoveSmallParts()]),
    "flip": InferenceConfig(views=ViewConfig(flips=MIRRORED)),
    "rotations": InferenceConfig(views=ViewConfig(rotations=TURNS)),
    "7 scales": InferenceConfig(views=ViewConfig(scales=SCALES)),
    "7 scales, weighted": InferenceConfig(views=ViewConfig(scales=SCALES, fusion="weighted")),
    "deepsegma/predict.yaml": InferenceConfig(score_steps=[TemporalFusion()]),
    "fvos/predict.yaml (35 views)": InferenceConfig(
        views=ViewConfig(**FVOS, fusion="vote"), mask_steps=[CloseGaps()]
    ),
}
COLUMNS = ("J&F calm", "J&F crowd", "s/frame", "MiB", "J&F real")
SOFT_MEMORY = ("confidence 7.5/-4 in memory", "deepsegma/predict.yaml")


def main() -> None:
    """Run every row in a fresh process, or be one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, help="folder of data sets of real clips")
    parser.add_argument("--videos", type=int, default=4, help="generated videos of each kind")
    parser.add_argument("--frames", type=int, default=16, help="frames of each of them")
    parser.add_argument("--only", nargs="+", default=list(ROWS), choices=list(ROWS))
    add_save(parser)
    parser.add_argument("--row", choices=list(ROWS), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.row:
        print(json.dumps(measure(args.row, sets_of(args.folder, args.clips))))
        return
    run, rows = Run("ablation", args, "torch", "sam2", weights=[NANO]), []
    with tempfile.TemporaryDirectory() as folder:
        for scenes in ("calm", "crowd"):
            spec = SampleSpec(0, args.videos, args.frames, (180, 320), SEED, scenes)
            write_sample(Path(folder) / scenes, spec)
        for row in args.only:
            slow = len(ROWS[row].views.scales) > 1
            found = run_row(row, Path(folder), None if slow else args.clips)
            rows.append([row, *(found.get(name, "not measured") for name in COLUMNS)])
            print(row, found, flush=True)
    table = Table(
        ("step", *COLUMNS), rows, ("{}", "{:.3f}", "{:.3f}", "{:.3f}", "{:.0f}", "{:.3f}")
    )
    print(markdown(asdict(table)))
    run.save({"steps": table})


def run_row(row: str, folder: Path, clips: Path | None) -> dict[str, float]:
    """Measure one row in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.ablation", "--row", row, "--folder", str(folder)]
    command += ["--clips", str(clips)] if clips else []
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def sets_of(folder: Path, clips: Path | None) -> dict[str, Sequence[Video]]:
    """Videos with truth, by the name of their set."""
    sets = {}
    for scenes in ("calm", "crowd"):
        valid = folder / scenes / "valid"
        place = VideoFolder(valid / "JPEGImages", valid / "Annotations", valid / "GroundTruth")
        sets[scenes] = list_videos(place)
    for place in find_folders(clips).values() if clips else ():
        sets["real"] = [*sets.get("real", []), *scorable(place)]
    return sets


def measure(row: str, sets: dict[str, Sequence[Video]]) -> dict[str, float]:
    """J&F of each set, processor seconds per frame, and growth of the process in MiB."""
    torch.set_num_threads(1)
    memory = {"memory_mask_scale": 7.5, "memory_mask_bias": -4.0} if row in SOFT_MEMORY else {}
    net = Sam2(image_size=256, weights=Path(SHIPPED), **memory).eval()
    figures: dict[str, float] = {}
    process, frames = psutil.Process(), 0
    before, started = process.memory_info().rss, time.process_time()
    with PeakMemory(process) as peak:
        for name, videos in sets.items():
            both = []
            for video in videos:
                score = VideoScore(None, "mose")
                for frame in propagate(net, Query.of(video), ROWS[row]):
                    score.add(
                        video.truth.id_map(frame.frame_idx, video.size_hw), frame.id_map.numpy()
                    )
                    frames += 1
                result = score.result()
                both += ((result.object_j + result.object_f) / 2).tolist()
            figures[f"J&F {name}"] = sum(both) / len(both)
    figures["s/frame"] = (time.process_time() - started) / frames
    figures["MiB"] = (peak.bytes - before) / 2**20
    return figures


class PeakMemory:
    """Largest resident size of a process while the block runs, looked at every 5 ms."""

    def __init__(self, process: psutil.Process) -> None:
        self.process = process
        self.bytes = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "PeakMemory":
        """Start watching."""
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Stop watching."""
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.005):
            self.bytes = max(self.bytes, self.process.memory_info().rss)


if __name__ == "__main__":
    main()
