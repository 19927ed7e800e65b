"""The baseline repeats what it was told."""

import torch

from pvuw.nets.copy_first import CopyFirst
from pvuw.types import MaskPrompt

FRAME = torch.zeros(3, 4, 5, dtype=torch.uint8)


def prompt(**masks):
    return MaskPrompt([int(i[1:]) for i in masks], torch.stack(list(masks.values())))


def mask(*pixels):
    canvas = torch.zeros(4, 5, dtype=torch.bool)
    for row, column in pixels:
        canvas[row, column] = True
    return canvas


def test_masks_are_repeated():
    session = CopyFirst().start()
    assert session.step(FRAME).mask_logits.shape == (0, 4, 5)
    session.step(FRAME, prompt(_7=mask((0, 0)), _2=mask((1, 1))))
    output = session.step(FRAME, last=True)
    assert output.object_ids == session.object_ids == [7, 2]
    assert output.mask_logits.dtype == torch.float32
    assert torch.equal(output.mask_logits[0], torch.where(mask((0, 0)), 10.0, -10.0))
    assert (output.presence_logits, output.predicted_iou) == (None, None)


def test_later_prompts_add_and_correct():
    session = CopyFirst().start(num_frames=3)
    session.step(FRAME, prompt(_7=mask((0, 0))))
    output = session.step(FRAME, prompt(_2=mask((1, 1)), _7=mask((3, 3))))
    assert output.object_ids == [7, 2]
    assert torch.equal(output.mask_logits > 0, torch.stack([mask((3, 3)), mask((1, 1))]))
