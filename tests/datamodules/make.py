"""Videos whose pixels tell which object they belong to, so that any misalignment shows."""

import numpy as np
from PIL import Image

from pvuw.io.listing import VideoFolder, list_videos
from pvuw.io.mask_store import paint_id_map
from pvuw.io.masks import write_id_map
from tests.pvuw.sources.layouts import (
    compressed,
    vis_content,
    vis_track,
    vis_video,
    write_json,
)

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


def write_ovis(root, videos):
    """A source in OVIS' layout from `{video: [{object id: mask}, ...]}`; objects may overlap.

    Its frames are painted as `paint` does, with the smaller object on top. Returns the id maps.
    """
    rows, tracks, found = [], [], {}
    for number, (video_id, frames) in enumerate(videos.items(), start=1):
        size_hw = next(mask.shape for masks in frames for mask in masks.values())
        names = [f"img_{t:07d}.png" for t in range(1, len(frames) + 1)]
        rows.append(vis_video(number, video_id, names, size_hw=size_hw))
        found[video_id] = [
            paint_id_map({i: m for i, m in masks.items() if i <= 255}, size_hw) for masks in frames
        ]
        folder = root / "train" / video_id
        folder.mkdir(parents=True)
        for name, id_map in zip(names, found[video_id], strict=True):
            Image.fromarray(paint(id_map)).save(folder / name)
        for object_id in sorted({i for masks in frames for i in masks}):
            runs = [compressed(m[object_id]) if object_id in m else None for m in frames]
            tracks.append(vis_track(len(tracks) + 1, number, runs))
    write_json(root / "annotations_train.json", vis_content(rows, tracks))
    return found


def masks_of(id_maps):
    """`[{object id: mask}, ...]` of id maps."""
    return [{int(i): m == i for i in np.unique(m) if i} for m in id_maps]
