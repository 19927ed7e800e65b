"""What policies judge a frame by."""

import math

import pytest
import torch

from pvuw.nets.sam2.decoding import DecodedMasks
from pvuw.nets.sam2.memory_policy import frame_records, trust


def decoded(mask_logits, *, presence, iou):
    count, _, side, _ = mask_logits.shape
    return DecodedMasks(
        mask_logits=mask_logits,
        full_logits=mask_logits,
        predicted_iou=torch.tensor(iou),
        presence_logits=torch.tensor(presence)[:, None],
        pointers=torch.zeros(count, 4),
        candidate_logits=torch.stack([mask_logits[:, 0], torch.zeros(count, side, side)], dim=1),
    )


def test_quality_is_the_product_of_three():
    logits = torch.full((2, 1, 4, 4), -5.0)
    logits[0, 0, 0, :2] = torch.tensor([1.0, 3.0])
    logits[1, 0, 1:3, 1:3] = 2.0
    masks = decoded(logits, presence=[0.5, -1.0], iou=[0.8, 0.6])
    first, second = frame_records(masks, trust(masks).tolist(), 7, prompted=False)
    sigmoid = lambda x: 1 / (1 + math.exp(-x))  # noqa: E731
    assert first.quality == pytest.approx(sigmoid(0.5) * 0.8 * (sigmoid(1) + sigmoid(3)) / 2)
    assert second.quality == pytest.approx(sigmoid(-1) * 0.6 * sigmoid(2))
    assert (first.area, second.area) == (2, 4)
    assert (first.frame_idx, first.prompted) == (7, False)
    assert second.presence_logit == -1
    assert second.predicted_iou == pytest.approx(0.6)
    assert torch.equal(second.mask_logits, logits[1, 0])
    assert second.candidate_logits.shape == (2, 4, 4)


def test_an_empty_mask_has_no_quality():
    logits = torch.full((1, 1, 4, 4), -1024.0)
    masks = decoded(logits, presence=[-900.0], iou=[0.9])
    (found,) = frame_records(masks, trust(masks).tolist(), 0, prompted=False)
    assert (found.quality, found.area) == (0, 0)
