"""Two squares that cross a small frame, and members that fail at them in known ways."""

import numpy as np

from pvuw.io.masks import write_id_map

SIZE_HW = (48, 80)
NUM_FRAMES = 16
IDS = (3, 9)


def truth(time, size_hw=SIZE_HW):
    """Id 3 moves right in the upper half, id 9 left in the lower one."""
    height, width = size_hw
    ids = np.zeros(size_hw, np.uint8)
    edge, step = height // 4, width // 40
    ids[height // 8 : height // 8 + edge, 2 + step * time : 2 + step * time + edge] = 3
    left = width - 2 - edge - step * time
    ids[height // 2 : height // 2 + edge, left : left + edge] = 9
    return ids


def video():
    return np.stack([truth(time) for time in range(NUM_FRAMES)])


def swapped(id_maps, first, last):
    """Ids exchanged from `first` to `last`, inclusive."""
    lookup = np.arange(256, dtype=np.uint8)
    lookup[[3, 9]] = 9, 3
    changed = id_maps.copy()
    changed[first : last + 1] = lookup[changed[first : last + 1]]
    return changed


def shifted(id_maps, by):
    return np.roll(id_maps, by, axis=2)


def without(id_maps, object_id, first=0):
    changed = id_maps.copy()
    changed[first:][changed[first:] == object_id] = 0
    return changed


def iou(a, b, object_id):
    a, b = a == object_id, b == object_id
    return (a & b).sum() / max((a | b).sum(), 1)


def write(folder, video_id, id_maps, *, names=None):
    """Write id maps as `<folder>/<video_id>/<name>.png`; returns the folder."""
    for number, id_map in enumerate(id_maps):
        name = f"{number:05d}" if names is None else names[number]
        write_id_map(folder / video_id / f"{name}.png", np.ascontiguousarray(id_map))
    return folder
