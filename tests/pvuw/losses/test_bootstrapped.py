"""Bootstrapped cross-entropy and Dice against loops over pixels."""

import math

import pytest
import torch

from pvuw.losses.bootstrapped import BootstrappedLoss
from pvuw.types import MaskClip, VideoBatch
from tests.helpers.noise import SUMMATION

SIZE_HW = (4, 5)


def make_batch(counts, num_frames=2, void=None):
    """Objects that never overlap: each pixel belongs to a random one or to none."""
    owner = torch.randint(0, max(counts) + 1, (len(counts), num_frames, *SIZE_HW))
    masks = torch.stack([owner == slot + 1 for slot in range(max(counts))], dim=2)
    for b, count in enumerate(counts):
        masks[b, :, count:] = False
    return VideoBatch(
        frames=torch.zeros(len(counts), num_frames, 3, *SIZE_HW, dtype=torch.uint8),
        masks=masks,
        num_objects=list(counts),
        object_ids=[list(range(1, n + 1)) for n in counts],
        video_ids=[f"clip{b}" for b in range(len(counts))],
        frame_idx=torch.arange(num_frames).expand(len(counts), num_frames),
        void=void,
    )


def output_of(frames):
    """Nothing on the first frame, one mask per object on the others."""
    return MaskClip(dict(enumerate(frames, start=1)))


def naive(frames, batch, share):
    """The terms by the book, pixel by pixel."""
    ce_total = dice_total = 0.0
    for t, logits in enumerate(frames, start=1):
        start, ce, dice = 0, [], []
        for b, count in enumerate(batch.num_objects):
            own, start = logits[start : start + count], start + count
            if not count:
                continue
            losses, overlap, size = [], [0.0] * count, [0.0] * count
            for y in range(SIZE_HW[0]):
                for x in range(SIZE_HW[1]):
                    if batch.void is not None and batch.void[b, t, y, x]:
                        continue
                    odds = [1.0, *own[:, y, x].exp().tolist()]
                    probs = [value / sum(odds) for value in odds]
                    here = batch.masks[b, t, :count, y, x].tolist()
                    losses.append(-math.log(probs[here.index(True) + 1 if any(here) else 0]))
                    for k in range(count):
                        overlap[k] += probs[k + 1] * here[k]
                        size[k] += probs[k + 1] + here[k]
            kept = sorted(losses, reverse=True)[: int(len(losses) * share)]
            ce.append(sum(kept) / len(kept))
            dice += [1 - (2 * o + 1) / (s + 1) for o, s in zip(overlap, size, strict=True)]
        ce_total += sum(ce) / len(ce)
        dice_total += sum(dice) / len(dice)
    return ce_total, dice_total


@pytest.mark.parametrize("counts", [[1], [3, 1], [2, 0, 1]])
@pytest.mark.parametrize("batches_seen", [0, 15, 99])
def test_terms_are_those_of_the_definition(counts, batches_seen):
    batch = make_batch(counts, num_frames=3)
    frames = [torch.randn(sum(counts), *SIZE_HW) for _ in range(2)]
    loss = BootstrappedLoss(10, end=20, hard_share=0.25).eval()
    loss.batches.fill_(batches_seen)
    terms = loss(output_of(frames), batch)
    share = {0: 1.0, 15: 0.625, 99: 0.25}[batches_seen]
    assert terms.hard_share == pytest.approx(share)
    ce, dice = naive(frames, batch, share)
    assert terms.ce.item() == pytest.approx(ce, rel=SUMMATION)
    assert terms.dice.item() == pytest.approx(dice, rel=SUMMATION)
    assert terms.total.item() == pytest.approx(ce + dice, rel=SUMMATION)
    assert set(terms.log_values()) == {"loss", "loss_ce", "loss_dice", "hard_share"}


def test_pixels_without_truth_do_not_count():
    void = torch.rand(2, 2, *SIZE_HW) < 0.4
    batch = make_batch([2, 1], void=void)
    frames = [torch.randn(3, *SIZE_HW)]
    terms = BootstrappedLoss()(output_of(frames), batch)
    ce, dice = naive(frames, batch, 1.0)
    assert terms.ce.item() == pytest.approx(ce, rel=SUMMATION)
    assert terms.dice.item() == pytest.approx(dice, rel=SUMMATION)


def test_a_frame_that_is_void_throughout_costs_no_cross_entropy():
    batch = make_batch([1], void=torch.ones(1, 2, *SIZE_HW, dtype=torch.bool))
    terms = BootstrappedLoss(0, end=0)(output_of([torch.randn(1, *SIZE_HW)]), batch)
    assert terms.ce.item() == 0
    assert terms.dice.item() == 0


def test_training_batches_are_counted_and_kept_in_checkpoints():
    batch, output = make_batch([1]), output_of([torch.randn(1, *SIZE_HW)])
    loss = BootstrappedLoss(1, end=2, hard_share=0.5).train()
    assert [loss(output, batch).hard_share for _ in range(3)] == [1.0, 1.0, 0.5]
    again = BootstrappedLoss(1, end=2, hard_share=0.5)
    again.load_state_dict(loss.state_dict())
    assert int(again.batches) == 3
    again.eval()(output, batch)
    assert int(again.batches) == 3


def test_only_hard_pixels_get_a_gradient_in_the_end():
    batch = make_batch([1])
    logits = torch.randn(1, *SIZE_HW, requires_grad=True)
    BootstrappedLoss(0, end=0, hard_share=0.2)(output_of([logits]), batch).ce.backward()
    assert int((logits.grad != 0).sum()) == 4


def test_settings_are_checked():
    with pytest.raises(ValueError, match="hard_share"):
        BootstrappedLoss(hard_share=0.0)
    with pytest.raises(ValueError, match="start <= end"):
        BootstrappedLoss(5, end=4)
