"""A network whose answer is known: it reads the ids out of the picture."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn.functional import interpolate

from pvuw.io.masks import write_id_map
from pvuw.io.png_masks import PngMasks
from pvuw.io.videos import Video
from pvuw.nets.base import VideoSegmenter, VideoSession
from pvuw.types import FrameOutput

LOGIT = 10.0


class EchoSession(VideoSession):
    """Says of each prompted object that it is where the red channel has its id."""

    def __init__(self, net, scale):
        self.net, self.scale, self.ids = net, scale, []

    @property
    def object_ids(self):
        return list(self.ids)

    def step(self, frame, prompt=None, *, last=False, next_frame=None):
        self.net.steps.append((self.scale, tuple(frame.shape[-2:]), last, next_frame is not None))
        if prompt is not None:
            self.ids += [i for i in prompt.object_ids if i not in self.ids]
        values = torch.tensor(self.ids, dtype=torch.int64)[:, None, None]
        logits = torch.where(frame[0].long() == values, LOGIT, -LOGIT)
        if self.ids:
            size = [round(self.scale * side) for side in frame.shape[-2:]]
            logits = interpolate(logits[None], size=size, mode="bilinear")[0]
        logits = self.net.spoil(logits, frame)
        return FrameOutput(list(self.ids), logits, objects_compete=self.net.objects_compete)

    def remove_object(self, object_id):
        self.ids.remove(object_id)


class Echo(VideoSegmenter):
    """Exactly equivariant to flips and rotations, at any resolution."""

    objects_compete = False

    def __init__(self):
        super().__init__()
        self.steps = []

    def start(self, num_frames=None, *, scale=1.0):
        return EchoSession(self, scale)

    def spoil(self, logits, frame):
        """Hook of subclasses that make mistakes."""
        return logits


def write_video(folder: Path, id_maps: np.ndarray, *, prompts=(0,)) -> Video:
    """A video whose frames show the ids in red, uint8 `[T, H, W]`, prompted on given frames."""
    folder.mkdir(parents=True, exist_ok=True)
    frames, names = [], []
    for t, id_map in enumerate(id_maps):
        frames.append(folder / f"{t:05d}.png")
        green = np.full_like(id_map, t)
        Image.fromarray(np.stack([id_map, green, green], axis=-1)).save(frames[-1])
        names.append(f"{t:05d}.png" if t in prompts else None)
        if t in prompts:
            write_id_map(folder / "masks" / names[t], id_map)
    return Video(folder.name, frames, PngMasks(folder / "masks", tuple(names)))


def blocks(num_frames: int, size_hw: tuple[int, int]) -> np.ndarray:
    """Two rectangles, ids 3 and 9, that move by a pixel a frame; uint8 `[T, H, W]`."""
    ids = np.zeros((num_frames, *size_hw), np.uint8)
    for t in range(num_frames):
        ids[t, 2:9, 1 + t : 7 + t] = 3
        ids[t, 6:15, 9 + t : 16 + t] = 9
    return ids
