"""Frames with known scores."""

import torch

from pvuw.inference.scores import FrameScores
from pvuw.types import FrameOutput


def scores(mask_logits, *, t=0, ids=None, compete=False, presence=None, frame=None):
    """One frame; logits `[N, H, W]`."""
    logits = torch.as_tensor(mask_logits, dtype=torch.float32)
    ids = list(range(1, len(logits) + 1)) if ids is None else ids
    presence = None if presence is None else torch.tensor(presence)
    frame = torch.zeros(3, *logits.shape[1:], dtype=torch.uint8) if frame is None else frame
    output = FrameOutput(ids, logits, presence_logits=presence, objects_compete=compete)
    return FrameScores(t, frame, output, logits)
