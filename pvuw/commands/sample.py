"""`pvuw sample`: generated videos like those of MOSE or MeViS, with exact ground truth."""

import argparse
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pvuw.sample.cast import Scenes
    from pvuw.sample.manifest import Manifest, SampleVideo

_MAX_WORKERS = 8

_EPILOG = """
writes:
  OUT/train/JPEGImages/<video>/00000.jpg     Annotations/<video>/00000.png  every object and frame
  OUT/valid/JPEGImages/<video>/00000.jpg     Annotations/<video>/00000.png  first frame only
  OUT/valid/GroundTruth/<video>/00000.png    first-frame objects in every frame
  OUT/sample.json                            seed, sizes, and which object is hidden when

with --expressions, besides the frames:
  OUT/train/meta_expressions.json    sentences: 'exp' in words, 'obj_id' and 'anno_id' of its
                                     objects, 'kind' (looks, place, motion, no target), 'traits'
  OUT/train/mask_dict.json           masks of each annotation in every frame, as run lengths
  OUT/valid_u/...                    the same, in wordings that train does not have

examples:
  pvuw sample data/sample --videos 40 --frames 60 --seed 1
  pvuw sample data/told --expressions --videos 100

The same options give the same videos on every machine. See docs/sample.md.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.description = (
        "Generates videos in MOSE's layout with exact ground truth: look-alikes, crossings, full "
        "occlusions, objects that leave and return, tiny objects, objects that enter late. With "
        "--expressions in MeViS' layout: sentences about objects, each true of its targets only."
    )
    parser.epilog = _EPILOG
    parser.add_argument("out", type=Path, metavar="OUT", help="folder to create")
    add = parser.add_argument
    add("--videos", type=int, default=12, metavar="N", help="training videos (default: 12)")
    add("--valid", type=int, default=4, metavar="N", help="validation videos (default: 4)")
    add("--frames", type=int, default=24, metavar="T", help="frames of each video (default: 24)")
    add(
        "--size",
        type=int,
        nargs=2,
        default=[240, 432],
        metavar=("H", "W"),
        help="height and width of the frames (default: 240 432)",
    )
    add(
        "--scenes",
        choices=("crowd", "calm", "told"),
        help="crowd: all of the above (default); calm: a few large bodies, all different, that "
        "only pass each other and a thin post; told: bodies of clear colours, each of which does "
        "something that words can tell (default with --expressions)",
    )
    add("--expressions", action="store_true", help="write sentences, in MeViS' layout")
    add(
        "--lens",
        choices=("colour", "thermal"),
        default="colour",
        help="what the camera sees: colour (default), or heat: grey, inverted, of low contrast",
    )
    add("--seed", type=int, default=0, metavar="S", help="which sample to generate (default: 0)")
    add(
        "--workers",
        type=int,
        default=min(os.cpu_count() or 1, _MAX_WORKERS),
        metavar="N",
        help="processes (default: one per core, at most 8)",
    )


def run(args: argparse.Namespace) -> int:
    """Write the sample and say what is in it; 0 if it is there."""
    from pvuw.sample.manifest import SampleSpec
    from pvuw.sample.write import find_sample, write_sample

    height, width = args.size
    scenes: Scenes = args.scenes or ("told" if args.expressions else "crowd")
    spec = SampleSpec(
        train_videos=args.videos,
        valid_videos=args.valid,
        num_frames=args.frames,
        size_hw=(height, width),
        seed=args.seed,
        scenes=scenes,
        lens=args.lens,
        expressions=args.expressions,
    )
    manifest = find_sample(args.out, spec)
    if manifest is not None:
        print(f"{args.out} already holds this sample; nothing to do")
    else:
        manifest = write_sample(args.out, spec, workers=args.workers)
    if spec.expressions:
        _print_sentences(args.out, manifest)
    else:
        _print_summary(args.out, manifest)
    return 0


def _print_summary(out: Path, manifest: "Manifest") -> None:
    train = [video for video in manifest.videos if video.split == "train"]
    valid = [video for video in manifest.videos if video.split == "valid"]
    frames = manifest.spec.num_frames
    print(f"{out / 'train'}  {_counts(train)}, {frames} frames each, all annotated")
    print(f"{out / 'valid'}  {_counts(valid)}, first frame annotated, full truth in GroundTruth")
    causes = Counter(absence.cause.value for video in manifest.videos for absence in video.absences)
    print(
        f"events: {causes['occluded']} full occlusions, {causes['left']} exits, "
        f"{causes['late']} late entries (listed in {out / 'sample.json'})"
    )
    print(f"\nnext: pvuw fit --config mose/sam2_nano.yaml --data.root {out} --out runs/nano")


def _print_sentences(out: Path, manifest: "Manifest") -> None:
    spec = manifest.spec
    videos = {"train": spec.train_videos, "valid_u": spec.valid_videos}
    for folder, kinds in manifest.sentences.items():
        each = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
        count = _videos(videos[folder])
        print(f"{out / folder}  {count}, {sum(kinds.values())} sentences: {each}")


def _counts(videos: Sequence["SampleVideo"]) -> str:
    objects = sum(len(video.object_ids) for video in videos)
    return f"{_videos(len(videos))}, {objects} objects"


def _videos(count: int) -> str:
    return f"{count} video{'' if count == 1 else 's'}"
