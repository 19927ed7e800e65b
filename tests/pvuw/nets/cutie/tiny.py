"""Cutie and LiVOS at widths that run in milliseconds, and a video for them."""

import torch

from pvuw.nets.cutie import Cutie
from pvuw.nets.cutie.network import Widths
from pvuw.nets.livos import LiVOS
from pvuw.nets.matching.framing import SizePolicy
from pvuw.types import VideoBatch

WIDTHS = Widths(
    dim=32,
    key_dim=16,
    decoder_dims=(24, 16),
    trunk=8,
    num_queries=4,
    num_blocks=2,
    num_heads=2,
    feedforward_dim=64,
)
AS_IS = SizePolicy(shorter_side=None)
NAMES = ("cutie", "livos")


def tiny(name, **more):
    """A small network in evaluation mode, the same each time."""
    torch.manual_seed(3)
    common = {"widths": WIDTHS, "frame_size": AS_IS, **more}
    return (Cutie("small", **common) if name == "cutie" else LiVOS(**common)).eval()


def frames(count, *, size_hw=(64, 80)):
    """Noise, uint8 `[T, 3, H, W]`."""
    generator = torch.Generator().manual_seed(5)
    return torch.randint(0, 256, (count, 3, *size_hw), dtype=torch.uint8, generator=generator)


def boxes(count, *, size_hw=(64, 80)):
    """Masks of boxes in a row, bool `[N, H, W]`."""
    masks = torch.zeros(count, *size_hw, dtype=torch.bool)
    for slot in range(count):
        left = 4 + slot * (size_hw[1] - 8) // count
        masks[slot, 16 : size_hw[0] - 16, left : left + 12] = True
    return masks


def crossing():
    """One clip of two boxes that pass each other, each of its own colour."""
    clip = batch([2])
    clip.masks.zero_()
    for t in range(3):
        clip.masks[0, t, 0, 8 + 4 * t : 40 + 4 * t, 4:28] = True
        clip.masks[0, t, 1, 24 - 4 * t : 56 - 4 * t, 36:60] = True
    clip.frames = frames(3, size_hw=(64, 64))[None] // 4
    for slot in range(2):
        clip.frames[:, :, slot] += 160 * clip.masks[:, :, slot].to(torch.uint8)
    return clip


def batch(num_objects, *, num_frames=3, size_hw=(64, 64)):
    """Clips of moving boxes over noise, with padding slots."""
    slots = max(num_objects)
    masks = torch.zeros(len(num_objects), num_frames, slots, *size_hw, dtype=torch.bool)
    for b, count in enumerate(num_objects):
        for t in range(num_frames):
            shifted = boxes(max(count, 1), size_hw=size_hw)[:count].roll(2 * t + b, dims=-1)
            masks[b, t, :count] = shifted
    images = frames(len(num_objects) * num_frames, size_hw=size_hw)
    return VideoBatch(
        frames=images.view(len(num_objects), num_frames, 3, *size_hw),
        masks=masks,
        num_objects=list(num_objects),
        object_ids=[list(range(1, count + 1)) for count in num_objects],
        video_ids=[f"clip{b}" for b in range(len(num_objects))],
        frame_idx=torch.arange(num_frames).expand(len(num_objects), -1),
    )
