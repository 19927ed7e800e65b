"""Small folders of video with known content."""

import numpy as np
import torch
from PIL import Image

from pvuw.io.masks import write_id_map

HEIGHT, WIDTH = 24, 32


def frame_pixels(number, *, size_hw=(HEIGHT, WIDTH)):
    """A flat grey whose value tells the frame, so that JPEG keeps it."""
    return np.full((*size_hw, 3), 10 * number + 20, np.uint8)


def square(object_id, top=4, left=4, side=8, *, size_hw=(HEIGHT, WIDTH)):
    id_map = np.zeros(size_hw, np.uint8)
    id_map[top : top + side, left : left + side] = object_id
    return id_map


def write_frame(path, number, *, size_hw=(HEIGHT, WIDTH)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(frame_pixels(number, size_hw=size_hw)).save(path)


def write_video(root, video_id, id_maps, *, names=None, masks="Annotations", suffix=".jpg"):
    """Frames for all id maps, masks for those that are not None; returns the names."""
    names = names or [f"{i:05d}" for i in range(len(id_maps))]
    for number, (name, id_map) in enumerate(zip(names, id_maps, strict=True)):
        write_frame(root / "JPEGImages" / video_id / f"{name}{suffix}", number)
        if id_map is not None:
            write_id_map(root / masks / video_id / f"{name}.png", id_map)
    return names


def flip_byte(path, position):
    content = bytearray(path.read_bytes())
    content[position] ^= 0xFF
    path.write_bytes(content)


def ids_of(video, position):
    """The annotation of a frame at the frame's size."""
    return torch.from_numpy(video.annotations.id_map(position, video.size_hw))
