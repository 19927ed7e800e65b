"""Hand-made records of one object's frames, for tests of memory policies."""

import torch

from pvuw.nets.sam2.memory_policy import FrameRecord

FOUND = (2, 6, 2, 6)
BESIDE = (2, 6, 10, 14)


def square(top=2, bottom=6, left=2, right=6, *, size_hw=(16, 16)):
    """Logits of a mask that is one box."""
    logits = torch.full(size_hw, -3.0)
    logits[top:bottom, left:right] = 3.0
    return logits


def record(
    frame_idx,
    *,
    mask=FOUND,
    others=(),
    prompted=False,
    presence=4.0,
    iou=0.9,
    quality=0.9,
    frame_score=None,
):
    """A record; `mask` and `others` are boxes, or None for a mask without any pixel."""
    boxes = [box or (0, 0, 0, 0) for box in (mask, *others)]
    candidates = torch.stack([square(*box) for box in boxes])
    area = float((candidates[0] > 0).sum())
    numbers = (presence, iou, quality, area)
    return FrameRecord(
        frame_idx, prompted, *numbers, candidates[0], candidates, frame_score=frame_score
    )


def absent(frame_idx):
    """A frame on which the network believes the object is not there."""
    return record(frame_idx, mask=None, presence=-4.0, iou=0.3, quality=0.0)
