import math

import pytest
import torch

from pvuw.losses.dice import dice_loss
from tests.helpers.noise import SUMMATION


def written_out(logits, target, valid):
    overlap = total = 0.0
    for x, y, counts in zip(logits.tolist(), target.tolist(), valid.tolist(), strict=True):
        p = 1 / (1 + math.exp(-x))
        overlap += p * y * counts
        total += (p + y) * counts
    return 1 - (2 * overlap + 1) / (total + 1)


@pytest.mark.parametrize("candidates", [1, 3])
@pytest.mark.parametrize("objects", [1, 4])
def test_as_written_out_with_and_without_void(objects, candidates):
    generator = torch.Generator().manual_seed(objects)
    logits = torch.randn(objects, candidates, 6, 5, generator=generator) * 3
    target = (torch.rand(objects, 1, 6, 5, generator=generator) > 0.5).float()
    valid = torch.rand(objects, 1, 6, 5, generator=generator) > 0.4
    everywhere = torch.ones_like(valid)
    plain, with_void = dice_loss(logits, target), dice_loss(logits, target, valid=valid)
    for o in range(objects):
        for m in range(candidates):
            flat = logits[o, m].flatten(), target[o, 0].flatten()
            assert plain[o, m].item() == pytest.approx(
                written_out(*flat, everywhere[o].flatten()), rel=SUMMATION
            )
            assert with_void[o, m].item() == pytest.approx(
                written_out(*flat, valid[o].flatten()), rel=SUMMATION
            )
    assert torch.equal(dice_loss(logits, target, valid=everywhere), plain)


def test_known_values():
    target = torch.zeros(1, 1, 2, 2)
    nothing = torch.full((1, 1, 2, 2), -100.0)
    assert dice_loss(nothing, target).item() == 0.0
    assert dice_loss(-nothing, target + 1).item() == 0.0
    assert dice_loss(-nothing, target).item() == pytest.approx(1 - 1 / 5)
    assert dice_loss(nothing, target + 1).item() == pytest.approx(1 - 1 / 5)


def test_gradient_avoids_void():
    logits = torch.zeros(1, 1, 1, 4, requires_grad=True)
    target = torch.tensor([[[[1.0, 1.0, 0.0, 0.0]]]])
    valid = torch.tensor([[[[True, False, True, False]]]])
    dice_loss(logits, target, valid=valid).sum().backward()
    assert logits.grad.flatten().ne(0).tolist() == [True, False, True, False]
