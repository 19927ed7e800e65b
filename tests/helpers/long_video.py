"""A video that takes long to go through and no time to make: one picture under many names."""

from pathlib import Path

import numpy as np
from PIL import Image

from pvuw.io.masks import write_id_map

SIZE_HW = (24, 32)


def write_long_video(root: Path, name: str, num_frames: int, *, truth: bool = False) -> None:
    """Write a video of MOSE's layout into `root/valid`, prompted on its first frame.

    Args:
        root: A MOSE root.
        name: Of the video.
        num_frames: How long it is.
        truth: Also write `GroundTruth` of all frames.
    """
    folder = root / "valid"
    ids = np.zeros(SIZE_HW, np.uint8)
    ids[6:18, 8:24] = 1
    kinds = [("JPEGImages", "jpg", num_frames), ("Annotations", "png", 1)]
    for kind, suffix, count in kinds + [("GroundTruth", "png", num_frames)] * truth:
        first = folder / kind / name / f"00000.{suffix}"
        first.parent.mkdir(parents=True)
        if suffix == "png":
            write_id_map(first, ids)
        else:
            Image.fromarray(np.stack([80 * ids + 60] * 3, axis=-1)).save(first)
        for number in range(1, count):
            first.with_name(f"{number:05d}.{suffix}").hardlink_to(first)
