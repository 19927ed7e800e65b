"""Cross-entropy and Dice at points: against plain re-computation, and what counts."""

import pytest
import torch

from pvuw.losses.point_sampled import PointSampledLoss, sample_at
from pvuw.types import AuxiliaryClip, MaskClip
from tests.helpers.noise import SUMMATION
from tests.pvuw.nets.cutie.tiny import batch


def output(clips, *, size=16, auxiliary=True, scale=1.0):
    """Random decodings of all frames but the first."""
    generator = torch.Generator().manual_seed(1)
    objects = sum(clips.num_objects)

    def random(*shape):
        return scale * torch.randn(objects, *shape, generator=generator)

    said = AuxiliaryClip({}, {}, {})
    for t in range(1, clips.num_frames):
        said.mask_logits[t] = random(size, size)
        if auxiliary:
            said.sensory_logits[t], said.level_logits[t] = random(4, 4), random(2, 4, 4)
    return said if auxiliary else MaskClip(said.mask_logits)


def perfect(clips):
    logits = torch.where(clips.object_masks(), 30.0, -30.0)
    return MaskClip(dict(enumerate(logits[1:], start=1)))


def test_equals_plain_recomputation_at_the_same_points(monkeypatch):
    clips, points = batch([2, 1]), torch.rand(2, 50, 2)
    monkeypatch.setattr(PointSampledLoss, "draw_points", lambda self, logits: points)
    loss = PointSampledLoss(50, sensory_weight=0.5, query_weight=0.25)
    said = output(clips)
    terms = loss(said, clips)

    def plain(per_frame, b, rows):
        ce = dice = 0.0
        for t, logits in enumerate(per_frame, start=1):
            objects = clips.masks[b, t, : len(rows)].float()
            truth = torch.cat([(1 - objects.sum(0, keepdim=True)), objects])
            labels = sample_at(truth[None], points[t - 1 : t])[0]
            with_ground = torch.cat([torch.zeros_like(logits[:1]), logits])
            probs = sample_at(with_ground[None], points[t - 1 : t])[0].softmax(0)
            ce += -(labels * probs.log()).sum(0).mean()
            both = (probs[1:] * labels[1:]).sum(1)
            dice += (1 - (2 * both + 1) / (probs[1:].sum(1) + labels[1:].sum(1) + 1)).mean()
        return ce, dice

    expected = torch.zeros(4)
    for b, rows in ((0, [0, 1]), (1, [2])):
        masks, sensory = said.mask_logits.values(), said.sensory_logits.values()
        expected[:2] += torch.stack(plain([m[rows] for m in masks], b, rows))
        expected[2] += sum(plain([m[rows] for m in sensory], b, rows))
        for level in range(2):
            expected[3] += sum(plain([m[rows, level] for m in said.level_logits.values()], b, rows))
    expected /= 2
    found = torch.stack([terms.ce, terms.dice, terms.sensory, terms.query])
    torch.testing.assert_close(found, expected, atol=SUMMATION, rtol=SUMMATION)
    weighted = (expected * torch.tensor([1, 1, 0.5, 0.25])).sum()
    torch.testing.assert_close(terms.total, weighted, atol=SUMMATION, rtol=SUMMATION)
    assert set(terms.log_values()) == {"loss", "loss_ce", "loss_dice", "loss_sensory", "loss_query"}


def test_points_are_where_two_are_nearly_as_likely():
    logits = torch.full((1, 2, 32, 32), 0.0)
    logits[:, 1] = torch.linspace(-8, 8, 32)  # doubt in the middle column
    points = PointSampledLoss(200, importance_ratio=1.0).draw_points(logits)
    assert points.shape == (1, 200, 2)
    assert ((points[..., 0] - 0.5).abs() < 0.25).all()
    spread = PointSampledLoss(200, importance_ratio=0.0).draw_points(logits)
    assert (spread[..., 0] < 0.25).float().mean() == pytest.approx(0.25, abs=0.1)


def test_perfect_masks_cost_almost_nothing_and_wrong_ones_much():
    clips = batch([2])
    loss = PointSampledLoss(400)
    right, wrong = perfect(clips), perfect(clips)
    wrong.mask_logits = {t: -logits for t, logits in wrong.mask_logits.items()}
    good, bad = loss(right, clips), loss(wrong, clips)
    assert good.sensory is None
    assert good.query is None
    assert good.total < 1.5  # points between two pixels are neither
    assert bad.total > 20


def test_void_pixels_do_not_count():
    clips, loss = batch([1]), PointSampledLoss(300)
    said = perfect(clips)
    clips.void = torch.zeros(1, 3, 64, 64, dtype=torch.bool)
    clips.void[:, :, :, 32:] = True
    for logits in said.mask_logits.values():
        logits[..., 33:] = 30.0  # wrong, where nobody knows
    torch.manual_seed(0)
    ignored = loss(said, clips).total
    clips.void = None
    torch.manual_seed(0)
    assert loss(said, clips).total > ignored + 5


def test_gradient_reaches_all_that_was_said():
    clips = batch([2])
    said = output(clips)
    leaves = [
        tensor.requires_grad_()
        for by_frame in (said.mask_logits, said.sensory_logits, said.level_logits)
        for tensor in by_frame.values()
    ]
    PointSampledLoss(64)(said, clips).total.backward()
    assert all(leaf.grad.abs().sum() > 0 for leaf in leaves)


def test_settings_are_checked():
    with pytest.raises(ValueError, match="importance_ratio"):
        PointSampledLoss(importance_ratio=2.0)


def test_sample_at_is_bilinear():
    maps = torch.rand(1, 1, 8, 8)
    centres = (torch.arange(8) + 0.5) / 8
    points = torch.stack(torch.meshgrid(centres, centres, indexing="xy"), dim=-1).view(1, 64, 2)
    torch.testing.assert_close(sample_at(maps, points).view(8, 8), maps[0, 0])
