import math

import numpy as np
import pytest
import torch

from pvuw.losses.cross_entropy import (
    FOCAL,
    PLAIN,
    CrossEntropy,
    cross_entropy,
    mask_cross_entropy,
)
from tests.helpers.noise import DOUBLE_SUMMATION, SUMMATION


def one_pixel(logit, truth, *, gamma, alpha):
    """Focal loss of one pixel, written out."""
    p = 1 / (1 + math.exp(-logit))
    p_of_class = p if truth else 1 - p
    weight = 1.0 if alpha is None else (alpha if truth else 1 - alpha)
    return -weight * (1 - p_of_class) ** gamma * math.log(p_of_class)


@pytest.mark.parametrize("kind", [FOCAL, PLAIN, CrossEntropy(1.5, None), CrossEntropy(0.0, 0.9)])
def test_every_pixel_as_written_out(kind):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(60, generator=generator, dtype=torch.float64) * 4
    target = (torch.rand(60, generator=generator) > 0.5).double()
    expected = [
        one_pixel(x, y, gamma=kind.gamma, alpha=kind.alpha)
        for x, y in zip(logits.tolist(), target.tolist(), strict=True)
    ]
    # Written out, 1 - p cancels where p is near 1.
    found = cross_entropy(logits, target, kind)
    np.testing.assert_allclose(found, expected, rtol=100 * DOUBLE_SUMMATION)


def test_extreme_logits_stay_finite_with_finite_gradients():
    logits = torch.tensor([-1024.0, -1024.0, 1024.0, 1024.0], requires_grad=True)
    loss = cross_entropy(logits, torch.tensor([1.0, 0.0, 1.0, 0.0]), FOCAL)
    loss.sum().backward()
    assert loss.tolist() == [256.0, 0.0, 0.0, 768.0]
    assert logits.grad.isfinite().all()


def masks(seed=0, objects=3, candidates=2):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(objects, candidates, 5, 7, generator=generator) * 3
    target = (torch.rand(objects, 1, 5, 7, generator=generator) > 0.6).float()
    valid = torch.rand(objects, 1, 5, 7, generator=generator) > 0.3
    return logits, target, valid


def test_mean_over_the_pixels_of_each_candidate():
    logits, target, _ = masks()
    loss = mask_cross_entropy(logits, target, kind=FOCAL)
    assert loss.shape == (3, 2)
    for o in range(3):
        for m in range(2):
            pairs = zip(
                logits[o, m].flatten().tolist(), target[o, 0].flatten().tolist(), strict=True
            )
            mean = np.mean([one_pixel(x, y, gamma=2, alpha=0.25) for x, y in pairs])
            assert loss[o, m].item() == pytest.approx(mean, rel=SUMMATION)


def test_void_pixels_do_not_count():
    logits, target, valid = masks()
    loss = mask_cross_entropy(logits, target, kind=PLAIN, valid=valid)
    flipped = torch.where(valid, target, 1 - target)
    shaken = torch.where(valid, logits, logits + 100)
    assert torch.equal(mask_cross_entropy(shaken, flipped, kind=PLAIN, valid=valid), loss)
    alone = cross_entropy(logits[1, 0], target[1, 0], PLAIN)[valid[1, 0]].mean()
    torch.testing.assert_close(loss[1, 0], alone)


def test_void_without_a_pixel_changes_no_bit():
    logits, target, _ = masks()
    everywhere = torch.ones_like(target, dtype=torch.bool)
    with_void = mask_cross_entropy(logits, target, valid=everywhere)
    assert torch.equal(with_void, mask_cross_entropy(logits, target))


def test_a_mask_of_void_alone_costs_nothing_and_has_no_gradient():
    logits, target, _ = masks()
    logits.requires_grad_()
    nowhere = torch.zeros_like(target, dtype=torch.bool)
    loss = mask_cross_entropy(logits, target, valid=nowhere)
    loss.sum().backward()
    assert loss.eq(0).all()
    assert logits.grad.eq(0).all()


@pytest.mark.parametrize("wrong", [{"gamma": -1.0}, {"alpha": 1.5}, {"alpha": -1.0}])
def test_parameters_without_meaning_are_refused(wrong):
    with pytest.raises(ValueError, match=f"cross_entropy.{next(iter(wrong))}"):
        CrossEntropy(**wrong)
