"""Small mask folders with known scores."""

import numpy as np

from pvuw.io.masks import write_id_map

SIZE = (30, 40)


def square(object_id=1, *, column=5, size=SIZE):
    id_map = np.zeros(size, np.uint8)
    id_map[5:15, column : column + 10] = object_id
    return id_map


def write_video(root, video_id, id_maps):
    for index, id_map in enumerate(id_maps):
        if id_map is not None:
            write_id_map(root / video_id / f"{index:05d}.png", id_map)


def write_pair(root, videos):
    """Write `{video: [(truth, prediction), ...]}` to `root/gt` and `root/pred`; None: no file."""
    for video_id, frames in videos.items():
        truths, predictions = zip(*frames, strict=True)
        write_video(root / "gt", video_id, truths)
        write_video(root / "pred", video_id, predictions)
    return root / "gt", root / "pred"
