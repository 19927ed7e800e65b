"""Videos whose pixels tell which object they belong to, so that any misalignment shows."""

import numpy as np
from PIL import Image

from pvuw.io.listing import VideoFolder, list_videos
from pvuw.io.masks import write_id_map

HEIGHT, WIDTH = 24, 40


def paint(id_map):
    """Grey 30 for background, 60 + 20 * id for objects; void (255) as background."""
    grey = np.where((id_map == 0) | (id_map == 255), 30, 60 + 20 * id_map.astype(int))
    return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2)


def boxes(*objects, size_hw=(HEIGHT, WIDTH)):
    """An id map from (id, top, left, side)."""
    id_map = np.zeros(size_hw, np.uint8)
    for object_id, top, left, side in objects:
        id_map[top : top + side, left : left + side] = object_id
    return id_map


def moving(num_frames, *, ids=(1, 3), size_hw=(HEIGHT, WIDTH)):
    """Objects that move one pixel to the right each frame, one below the other."""
    return [
        boxes(*((i, 2 + 8 * slot, 2 + t, 6) for slot, i in enumerate(ids)), size_hw=size_hw)
        for t in range(num_frames)
    ]


def write_video(split, video_id, id_maps, *, masked=None, masks="Annotations"):
    """Frames of all id maps under `split`; masks of the positions in `masked` (default all)."""
    for position, id_map in enumerate(id_maps):
        frame = split / "JPEGImages" / video_id / f"{position:05d}.png"
        frame.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(paint(id_map)).save(frame)
        if masked is None or position in masked:
            write_id_map(split / masks / video_id / f"{position:05d}.png", id_map)


def videos_of(split, **options):
    return list_videos(
        VideoFolder(split / "JPEGImages", annotations=split / "Annotations", **options)
    )


def write_mose(root, *, num_train=7, num_valid=2, num_frames=4):
    """A root in MOSE's layout with ground truth."""
    for number in range(num_train):
        write_video(root / "train", f"t{number}", moving(num_frames))
    for number in range(num_valid):
        write_video(root / "valid", f"v{number}", moving(num_frames + number), masked={0})
        write_video(root / "valid", f"v{number}", moving(num_frames + number), masks="GroundTruth")
    return root
