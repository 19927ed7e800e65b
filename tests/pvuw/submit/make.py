"""A right submission of two small videos."""

from pathlib import Path

import numpy as np
from PIL import Image

from pvuw.io.listing import VideoFolder
from pvuw.io.masks import write_id_map
from tests.pvuw.io.make import square, write_video

FRAMES = 5


def write_data(root: Path) -> tuple[VideoFolder, Path]:
    """Images and first-frame masks below `root/valid`, right predictions in `root/run/...`."""
    for video_id, ids in (("ball", (1,)), ("cats", (2, 5))):
        first = sum(square(i, left=10 * n) for n, i in enumerate(ids))
        write_video(root / "valid", video_id, [first] + [None] * (FRAMES - 1))
        for frame in range(FRAMES):
            moved = np.roll(first, frame, axis=1)
            write_id_map(root / f"run/Annotations/{video_id}/{frame:05d}.png", moved)
    valid = root / "valid"
    return VideoFolder(valid / "JPEGImages", annotations=valid / "Annotations"), (
        root / "run" / "Annotations"
    )


def save_as(path: Path, mode: str, **options) -> None:
    """Save a mask again in another Pillow mode."""
    with Image.open(path) as image:
        other = Image.fromarray(np.array(image)) if mode == "L" else image.convert(mode)
    other.save(path, format="PNG", **options)
