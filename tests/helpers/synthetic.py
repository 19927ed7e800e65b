"""A video of flat squares whose every pixel can be worked out by hand, and its MOSE folder.

For answers a person can check in the head; `pvuw.sample.scene.generate_clip` makes video that looks
like something. 8 frames of 48x64 on grey:

* id 1, red 10x10, moves right by 4 pixels a frame;
* id 3, a slightly other red, 8x8, moves left by 4 behind id 1: no pixel of it is seen in frame 4;
* id 7, blue 8x8, moves right by 5, is outside the frame in 4 and 5, and comes back.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from pvuw.io.masks import write_id_map

NUM_FRAMES = 8
SIZE_HW = (48, 64)
OBJECT_IDS = (1, 3, 7)
OCCLUDED = {3: (4,)}
"""Frames in which an object is fully behind another one."""
OUTSIDE = {7: (4, 5)}
"""Frames in which an object is outside the frame."""

GROUND = (110, 110, 110)
COLORS = {1: (200, 60, 50), 3: (190, 70, 60), 7: (40, 60, 210)}
EDGES = {1: 10, 3: 8, 7: 8}
TOPS = {1: 6, 3: 7, 7: 30}
LEFTS = {
    1: (2, 6, 10, 14, 18, 22, 26, 30),
    3: (35, 31, 27, 23, 19, 15, 11, 7),
    7: (44, 49, 54, 59, 64, 64, 59, 54),
}
BACK_TO_FRONT = (7, 3, 1)


def square(object_id, time):
    """Mask of one object alone, bool `[H, W]`."""
    mask = np.zeros(SIZE_HW, bool)
    top, left, edge = TOPS[object_id], LEFTS[object_id][time], EDGES[object_id]
    mask[top : top + edge, left : left + edge] = True
    return mask


def id_map(time):
    """Truth of one frame, uint8 `[H, W]`."""
    ids = np.zeros(SIZE_HW, np.uint8)
    for object_id in BACK_TO_FRONT:
        ids[square(object_id, time)] = object_id
    return ids


def frame(time):
    """One frame, uint8 `[H, W, 3]`."""
    palette = np.full((256, 3), GROUND, np.uint8)
    for object_id, color in COLORS.items():
        palette[object_id] = color
    return palette[id_map(time)]


def write_video(root, video_id, *, annotated=range(NUM_FRAMES), truth=None):
    """Write the squares as `root/JPEGImages/<video_id>` and `root/Annotations/<video_id>`.

    Args:
        root: For example the `train` folder of a MOSE root.
        video_id: Name of the video.
        annotated: Frames that get a mask.
        truth: Folder that gets the masks of all frames, in a sub-folder `video_id`.
    """
    images = Path(root) / "JPEGImages" / video_id
    images.mkdir(parents=True)
    for time in range(NUM_FRAMES):
        Image.fromarray(frame(time)).save(images / f"{time:05d}.jpg", quality=95)
        if time in annotated:
            write_id_map(Path(root) / "Annotations" / video_id / f"{time:05d}.png", id_map(time))
        if truth is not None:
            write_id_map(Path(truth) / video_id / f"{time:05d}.png", id_map(time))


def write_mose_root(root, *, train=("0000000a", "0000000b"), valid=("0000000c",)):
    """Write train and valid videos in MOSE's layout, valid with `GroundTruth`; returns `root`."""
    for video_id in train:
        write_video(Path(root) / "train", video_id)
    for video_id in valid:
        folder = Path(root) / "valid"
        write_video(folder, video_id, annotated=(0,), truth=folder / "GroundTruth")
    return Path(root)
