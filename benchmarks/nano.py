"""J&F of the nano weights that ship, on videos they were not trained on.

    python -m benchmarks.nano [--clips CLIPS] [--size 320]
    python -m benchmarks.nano --compare memory --frames 60

Generates 20 calm and 20 crowd videos (other seeds than the training videos') and scores copying the
first mask, random weights and the shipped weights on them. CLIPS adds real clips: folders in the
layout `<data set>/JPEGImages/<video>` and `<data set>/Annotations/<video>`. `--compare memory`
scores the shipped weights under each choice of memory instead. Each row counts the objects that
fare better and worse than in the first.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, get_args

import torch
from tqdm import tqdm

from benchmarks.machine import describe_machine
from benchmarks.real_clips import find_folders, scorable
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

SEED = 777


def main() -> None:
    """Score every network on every set and print one row each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, help="folder of data sets of real clips")
    parser.add_argument("--videos", type=int, default=20, help="generated videos of each kind")
    parser.add_argument("--frames", type=int, default=24, help="of each generated video")
    parser.add_argument("--size", type=int, default=384, help="side the network sees, pixels")
    parser.add_argument("--compare", choices=("weights", "memory"), default="weights")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(describe_machine("torch", "sam2"))
    networks = (of_weights if args.compare == "weights" else of_memory)(args.size)
    with tempfile.TemporaryDirectory() as folder:
        sets = {
            scenes: generated(Path(folder), scenes, args.videos, args.frames)
            for scenes in get_args(Scenes)
        }
        for name, place in find_folders(args.clips).items() if args.clips else ():
            if videos := scorable(place):
                sets[name] = videos
        for set_name, videos in sets.items():
            first: list[float] = []
            for net_name, net in networks.items():
                j, f = score(net.eval(), videos, f"{net_name}, {set_name}")
                both = [(a + b) / 2 for a, b in zip(j, f, strict=True)]
                first = first or both
                better = sum(new > old for new, old in zip(both, first, strict=True))
                worse = sum(new < old for new, old in zip(both, first, strict=True))
                print(
                    f"{set_name:20} {len(videos):3} videos {len(j):4} objects  {net_name:20} "
                    f"J {fmean(j):.3f} F {fmean(f):.3f} J&F {fmean(both):.3f}  "
                    f"({better} objects better, {worse} worse)"
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


def generated(folder: Path, scenes: Scenes, count: int, num_frames: int) -> list[Video]:
    """Videos of 180 x 320 that no training saw."""
    spec = SampleSpec(0, count, num_frames, (180, 320), SEED, scenes)
    write_sample(folder / scenes, spec)
    valid = folder / scenes / "valid"
    return list_videos(
        VideoFolder(valid / "JPEGImages", valid / "Annotations", valid / "GroundTruth")
    )


def score(
    net: VideoSegmenter, videos: Sequence[Video], title: str
) -> tuple[list[float], list[float]]:
    """J and F of every object, by MOSE's protocol."""
    j, f = [], []
    for video in tqdm(videos, desc=title, unit="video", leave=False):
        result = VideoScore(None, "mose")
        for frame in propagate(net, Query.of(video), InferenceConfig()):
            result.add(video.truth.id_map(frame.frame_idx, video.size_hw), frame.id_map.numpy())
        scored = result.result()
        j += scored.object_j.tolist()
        f += scored.object_f.tolist()
    return j, f


if __name__ == "__main__":
    main()
