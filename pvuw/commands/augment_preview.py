"""`pvuw augment-preview`: a training clip before and after augmentation, with its masks."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pvuw.types import VideoBatch

_DESCRIPTION = """\
Draws a training clip as the loader cuts it and as several augmentations of it come out, objects
tinted by id. What is shown is what training gets: the same reader, resize and augmentation.
"""
_EPILOG = """\
example:
  pvuw augment-preview --images data/train/JPEGImages --annotations data/train/Annotations \\
      --preset deepsegma --out preview.png

presets:
  sam2_mose  SAM 2's MOSE fine-tuning: flip, rotation, shear, colour
  deepsegma  DeepSegMa's report: the same with zoom, gray and jittered single frames

A row that is recoloured but not turned: turning would have lost an object of its first frame.
"""
_PRESETS = ("deepsegma", "sam2_mose")  # importing them would import torch for --help
_FITS = ("keep", "stretch", "crop")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    parser.add_argument(
        "--images", type=Path, required=True, metavar="DIR", help="holds <video>/<frame>.jpg"
    )
    parser.add_argument(
        "--annotations", type=Path, required=True, metavar="DIR", help="holds <video>/<frame>.png"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="picture, PNG")
    parser.add_argument("--video", metavar="ID", help="which video (default: the first)")
    parser.add_argument(
        "--preset", choices=_PRESETS, default="deepsegma", help="see below (default: %(default)s)"
    )
    for name, default, text in (
        ("seed", 0, "of the clip and its augmentations"),
        ("frames", 4, "frames of the clip"),
        ("stride", 1, "step between them"),
        ("objects", 3, "most objects of it"),
        ("samples", 3, "augmentations of it"),
        ("size", 512, "training resolution, pixels"),
    ):
        parser.add_argument(
            f"--{name}", type=int, default=default, metavar="N", help=f"{text} (default: {default})"
        )
    parser.add_argument(
        "--fit",
        choices=_FITS,
        default="keep",
        help="how the loader gets to that size: aspect kept, stretched to a square as SAM 2 does, "
        "or a square crop (default: %(default)s)",
    )


def run(args: argparse.Namespace) -> int:
    """Draw the picture; exit status 0.

    Raises:
        DataError: If the videos cannot be used.
    """
    from datamodules.augment import PRESETS
    from pvuw.draw import contact_sheet, save_picture

    _check_counts(args)
    batch = _load_clip(args)
    augment = PRESETS[args.preset]()
    rows = [(f"{batch.video_ids[0]}, as loaded", _draw(batch))]
    for seed in range(args.seed, args.seed + args.samples):
        batch.clip_seeds = [seed]
        rows.append((f"{args.preset}, seed {seed}", _draw(augment(batch))))
    save_picture(args.out, contact_sheet(rows, cell_width=320))
    print(f"{args.out}: {args.samples} augmentations of {args.frames} frames of one clip")
    return 0


def _check_counts(args: argparse.Namespace) -> None:
    from pvuw.errors import PvuwError

    for name in ("seed", "frames", "stride", "objects", "samples", "size"):
        value, least = getattr(args, name), 0 if name == "seed" else 1
        if value < least:
            raise PvuwError(f"--{name} {value}: must be at least {least}")


def _load_clip(args: argparse.Namespace) -> "VideoBatch":
    from datamodules.clip_sampling import ClipConfig, ClipKey
    from datamodules.collate import collate_clips
    from datamodules.datasets.clips import ClipDataset
    from pvuw.io.listing import VideoFolder, list_videos

    only = None if args.video is None else [args.video]
    folder = VideoFolder(args.images, annotations=args.annotations, videos=only)
    config = ClipConfig(
        num_frames=args.frames,
        stride=args.stride,
        max_objects=args.objects,
        size=args.size,
        fit=args.fit,
    )
    clips = ClipDataset(list_videos(folder)[:1], config, seed=args.seed)
    return collate_clips([clips[ClipKey(epoch=0, number=0)]])


def _draw(batch: "VideoBatch") -> "list[NDArray[np.uint8]]":
    """Every frame of the only clip with its objects on it."""
    import torch

    from pvuw.draw import overlay

    frames = batch.frames[0]
    if frames.dtype != torch.uint8:
        frames = (frames * 255).round().to(torch.uint8)
    id_maps = torch.zeros_like(frames[:, 0])
    for slot, object_id in enumerate(batch.object_ids[0]):
        id_maps[batch.masks[0, :, slot]] = object_id
    return [
        overlay(frame.permute(1, 2, 0).numpy(), id_map.numpy())
        for frame, id_map in zip(frames, id_maps, strict=True)
    ]
