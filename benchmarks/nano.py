"""J&F of the nano weights that ship, on videos they were not trained on.

    python -m benchmarks.nano [--clips CLIPS] [--size 384]
    python -m benchmarks.nano --compare memory --frames 60

Generates calm and crowd videos of seeds that nothing was trained or chosen on, and scores copying
the first mask, random weights and the shipped weights on them. CLIPS adds real clips: folders in
the layout `<data set>/JPEGImages/<video>` and `<data set>/Annotations/<video>`. `--compare memory`
scores the shipped weights under each choice of memory instead. Each row counts the objects that
fare better and worse than in the first. J&F is a mean over objects; its 95 % interval is a
bootstrap over videos, whose objects are drawn together.
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.real_clips import find_folders, scorable
from benchmarks.results import NANO, Run, Table, add_save
from pvuw.inference.propagate import InferenceConfig, propagate
from pvuw.io.listing import VideoFolder, list_videos
from pvuw.io.queries import Query
from pvuw.io.videos import Video
from pvuw.metrics.accumulate import VideoScore
from pvuw.nets.base import VideoSegmenter
from pvuw.nets.copy_first import CopyFirst
from pvuw.nets.sam2 import DistractorAware, PromoteReliable, Sam2
from pvuw.nets.shipped import SHIPPED
from pvuw.sample.cast import Scenes
from pvuw.sample.manifest import SampleSpec
from pvuw.sample.write import write_sample

SCENES: tuple[Scenes, ...] = ("crowd", "calm")
SEEDS = (31_001, 31_002, 31_003)
ROUNDS = 4000
COLUMNS = ("set", "network", "videos", "objects", "J", "F", "J&F", "95 %", "better", "worse")
FORMATS = (*["{}"] * 4, *["{:.3f}"] * 3, "{:.3f} to {:.3f}", "{}", "{}")
FEWEST = 5
"""Videos below which no interval is given."""
Scores = list[NDArray[np.float64]]
"""J and F of each object of a video, `[N, 2]`, by video."""


def main() -> None:
    """Score every network on every set and print one row each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clips", type=Path, help="folder of data sets of real clips")
    parser.add_argument(
        "--videos", type=int, default=12, help="generated, each kind and seed; 0: clips alone"
    )
    parser.add_argument("--frames", type=int, default=24, help="of each generated video")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--size", type=int, default=256, help="side the network sees, pixels")
    parser.add_argument("--compare", choices=("weights", "memory"), default="weights")
    add_save(parser)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    name = "nano_memory" if args.compare == "memory" else "nano" if args.videos else "nano_clips"
    run = Run(f"{name}_{args.size}", args, "torch", "sam2", weights=[NANO])
    networks = (of_weights if args.compare == "weights" else of_memory)(args.size)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for set_name, seed, videos in sets_of(Path(folder), args):
            scores = {
                n: score(net.eval(), videos, f"{n}, {set_name}") for n, net in networks.items()
            }
            rows.append((set_name, seed, scores))
            print_rows(f"{set_name} {seed or ''}".strip(), scores)
    tables = {"sets": table_of(pooled(rows)), "seeds": table_of([r for r in rows if r[1]])}
    run.save(tables)


def sets_of(folder: Path, args: argparse.Namespace) -> Iterator[tuple[str, int, list[Video]]]:
    """Name, seed (0: real) and videos of every set."""
    for scenes in SCENES if args.videos else ():
        for seed in args.seeds:
            place = folder / f"{scenes}_{seed}"
            yield scenes, seed, generated(place, scenes, args.videos, args.frames, seed)
    for name, clips in find_folders(args.clips).items() if args.clips else ():
        if videos := scorable(clips):
            yield name, 0, videos


def pooled(rows: Sequence[tuple[str, int, dict[str, Scores]]]) -> list[tuple]:
    """The same sets, all seeds of one together."""
    together: dict[str, dict[str, Scores]] = {}
    for set_name, _, scores in rows:
        for name, values in scores.items():
            together.setdefault(set_name, {}).setdefault(name, []).extend(values)
    return [(set_name, 0, scores) for set_name, scores in together.items()]


def table_of(rows: Sequence[tuple[str, int, dict[str, Scores]]]) -> Table:
    """A row of each network on each set."""
    found = [
        [f"{set_name}, seed {seed}" if seed else set_name, name, *figures(values, scores)]
        for set_name, seed, scores in rows
        for name, values in scores.items()
    ]
    return Table(COLUMNS, found, FORMATS)


def figures(values: Scores, scores: dict[str, Scores]) -> list[Any]:
    """Videos, objects, J, F, J&F, its interval, objects better and worse than the first's."""
    all_, first = (np.concatenate(one) for one in (values, next(iter(scores.values()))))
    gain = (all_ - first).mean(axis=1)
    j, f = all_.mean(axis=0)
    enough = len(values) >= FEWEST
    interval = list(bootstrap([one.mean(axis=1) for one in values])) if enough else None
    counts = [int((gain > 0).sum()), int((gain < 0).sum())]
    return [len(values), len(all_), float(j), float(f), float(all_.mean()), interval, *counts]


def bootstrap(videos: Sequence[NDArray[np.float64]]) -> tuple[float, float]:
    """The 95 % interval of the mean over objects, videos drawn anew."""
    sums, counts = (np.array([how(v) for v in videos]) for how in (np.sum, len))
    drawn = np.random.default_rng(0).integers(0, len(videos), (ROUNDS, len(videos)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def print_rows(title: str, scores: dict[str, Scores]) -> None:
    """Print a set's rows."""
    for name, values in scores.items():
        videos, objects, *jf, interval, better, worse = figures(values, scores)
        shown = "J {:.3f} F {:.3f} J&F {:.3f}".format(*jf)
        shown += " [{:.3f}, {:.3f}]".format(*interval) if interval else ""
        print(
            f"{title:20} {videos:3} videos {objects:4} objects  {name:20} {shown}  "
            f"({better} objects better, {worse} worse)",
            flush=True,
        )


def of_weights(size: int) -> dict[str, VideoSegmenter]:
    """Networks that differ in their weights."""
    return {
        "copy the first mask": CopyFirst(),
        "random weights": Sam2(image_size=size),
        "shipped weights": shipped(size),
    }


def of_memory(size: int) -> dict[str, VideoSegmenter]:
    """The shipped weights with every memory; nano has no candidates to look for rivals."""
    return {
        "as upstream": shipped(size),
        "non-overlapping": shipped(size, non_overlap_memory=True),
        "promote reliable": shipped(size, memory_policy=PromoteReliable()),
        "both": shipped(size, non_overlap_memory=True, memory_policy=PromoteReliable()),
        "sparse recent memory": shipped(size, memory_policy=DistractorAware(max_frames=0)),
    }


def shipped(size: int, **options: Any) -> Sam2:
    """Nano with its shipped weights."""
    return Sam2(image_size=size, weights=Path(SHIPPED), **options)


def generated(folder: Path, scenes: Scenes, count: int, num_frames: int, seed: int) -> list[Video]:
    """Videos of 180 x 320 that no training saw."""
    write_sample(folder, SampleSpec(0, count, num_frames, (180, 320), seed, scenes))
    valid = folder / "valid"
    return list_videos(
        VideoFolder(valid / "JPEGImages", valid / "Annotations", valid / "GroundTruth")
    )


def score(net: VideoSegmenter, videos: Sequence[Video], title: str) -> Scores:
    """J and F of every object, by MOSE's protocol."""
    found = []
    for video in tqdm(videos, desc=title, unit="video", leave=False, disable=None):
        result = VideoScore(None, "mose")
        for frame in propagate(net, Query.of(video), InferenceConfig()):
            result.add(video.truth.id_map(frame.frame_idx, video.size_hw), frame.id_map.numpy())
        scored = result.result()
        found.append(np.stack([scored.object_j, scored.object_f], axis=1))
    return found


if __name__ == "__main__":
    main()
