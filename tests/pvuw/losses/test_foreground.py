"""The objective of networks with one foreground."""

import pytest
import torch

from pvuw.losses import ForegroundLoss
from pvuw.losses.dice import dice_loss
from pvuw.losses.foreground import soft_iou_loss
from pvuw.types import ClipFeatures, ForegroundClip, VideoBatch
from tests.helpers.noise import ROUNDING

SHAPE = (2, 3, 1, 6, 8)  # clips, frames, objects, pixels


@pytest.fixture
def batch():
    return VideoBatch(
        frames=torch.zeros(2, 3, 3, 6, 8, dtype=torch.uint8),
        masks=torch.rand(SHAPE) > 0.5,
        num_objects=[1, 1],
        object_ids=[[1], [1]],
        video_ids=["a", "b"],
        frame_idx=torch.zeros(2, 3, dtype=torch.int64),
    )


def clip_output(logits, features=None):
    masks = {t: logits[:, t, 0] for t in range(logits.shape[1])}
    if features is not None:
        features = ClipFeatures(features, features, [list(range(t)) for t in masks])
    return ForegroundClip(masks, features)


def test_the_default_is_two_class_cross_entropy_over_all_pixels(batch):
    """As TMO was trained: `nn.CrossEntropyLoss` of its two scores."""
    scores = torch.randn(2, 3, 2, 6, 8)
    wanted = torch.nn.functional.cross_entropy(
        scores.flatten(0, 1), batch.masks[:, :, 0].long().flatten(0, 1)
    )
    logits = (scores[:, :, 1] - scores[:, :, 0])[:, :, None]
    terms = ForegroundLoss()(clip_output(logits), batch)
    torch.testing.assert_close(terms.total, wanted)
    assert terms.sim is None
    assert terms.iou is None


def test_all_four_terms_add_up(batch):
    logits = torch.randn(SHAPE, requires_grad=True)
    features = torch.randn(3, 2, 5, 2, 2, requires_grad=True)
    loss = ForegroundLoss(2.0, dice_weight=3.0, sim_weight=4.0, iou_weight=5.0)
    assert loss.needs_features
    terms = loss(clip_output(logits, features), batch)
    total = 2 * terms.ce + 3 * terms.dice + 4 * terms.sim + 5 * terms.iou
    torch.testing.assert_close(terms.total, total)
    flat, truth = logits.flatten(0, 1), batch.masks.flatten(0, 1).float()
    torch.testing.assert_close(terms.iou, soft_iou_loss(flat, truth).mean())
    torch.testing.assert_close(terms.dice, dice_loss(flat, truth).mean())
    terms.total.backward()
    assert logits.grad.abs().sum() > 0
    assert features.grad.abs().sum() > 0


def test_sim_is_nothing_where_the_foreground_looks_the_same(batch):
    features = torch.ones(3, 2, 5, 2, 2)
    terms = ForegroundLoss(sim_weight=1.0)(clip_output(torch.randn(SHAPE), features), batch)
    assert terms.sim.item() == pytest.approx(0, abs=ROUNDING)


def test_void_pixels_do_not_count(batch):
    loss = ForegroundLoss(dice_weight=1.0, iou_weight=1.0)
    logits = torch.randn(SHAPE)
    batch.void = torch.zeros(2, 3, 6, 8, dtype=torch.bool)
    batch.void[..., :3] = True
    first = loss(clip_output(logits), batch).total
    logits[..., :3] += 5
    batch.masks[..., :3] ^= True
    torch.testing.assert_close(loss(clip_output(logits), batch).total, first)


def test_more_frames_do_not_weigh_more(batch):
    logits = torch.randn(SHAPE)
    loss = ForegroundLoss(dice_weight=1.0, iou_weight=1.0)
    once = loss(clip_output(logits), batch).total
    batch.frames, batch.masks = (
        batch.frames.repeat(1, 2, 1, 1, 1),
        batch.masks.repeat(1, 2, 1, 1, 1),
    )
    torch.testing.assert_close(loss(clip_output(logits.repeat(1, 2, 1, 1, 1)), batch).total, once)


def test_soft_iou_of_hard_masks_is_one_minus_iou():
    target = torch.zeros(1, 1, 10, 10)
    target[..., :6] = 1
    logits = torch.full((1, 1, 10, 10), -40.0)
    logits[..., 2:8] = 40.0
    assert soft_iou_loss(logits, target).item() == pytest.approx(1 - 41 / 81)


def test_negative_weights_are_refused():
    with pytest.raises(ValueError, match="iou_weight"):
        ForegroundLoss(iou_weight=-1.0)
