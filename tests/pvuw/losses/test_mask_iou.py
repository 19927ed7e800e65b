import numpy as np
import pytest
import torch

from pvuw.losses.mask_iou import mask_iou, mask_iou_loss
from tests.helpers.noise import ROUNDING


@pytest.mark.parametrize("candidates", [1, 3])
def test_as_numpy_counts(candidates):
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(4, candidates, 6, 5, generator=generator)
    target = (torch.rand(4, 1, 6, 5, generator=generator) > 0.5).float()
    valid = torch.rand(4, 1, 6, 5, generator=generator) > 0.4
    for counted in (torch.ones_like(valid), valid):
        iou = mask_iou(logits, target, valid=counted)
        found = (logits > 0).numpy() & counted.numpy()
        truth = (target > 0).numpy() & counted.numpy()
        overlap = np.logical_and(found, truth).sum((-2, -1))
        union = np.logical_or(found, truth).sum((-2, -1))
        np.testing.assert_allclose(iou, overlap / union, rtol=ROUNDING)
    everywhere = mask_iou(logits, target, valid=torch.ones_like(valid))
    assert torch.equal(everywhere, mask_iou(logits, target))


def test_edge_cases():
    foreground, background = torch.ones(1, 1, 2, 2), -torch.ones(1, 1, 2, 2)
    something, nothing = torch.ones(1, 1, 2, 2), torch.zeros(1, 1, 2, 2)
    assert mask_iou(foreground, something).item() == 1
    assert mask_iou(background, something).item() == 0
    assert mask_iou(foreground, nothing).item() == 0
    assert mask_iou(background, nothing).item() == 0
    assert mask_iou(torch.zeros(1, 1, 2, 2), something).item() == 0  # a logit of 0 is background


def test_loss_is_the_absolute_error_and_pulls_predictions_only():
    predicted = torch.tensor([[0.2, 0.9]], requires_grad=True)
    actual = torch.tensor([[0.5, 0.5]])
    loss = mask_iou_loss(predicted, actual)
    torch.testing.assert_close(loss, torch.tensor([[0.3, 0.4]]))
    loss.sum().backward()
    assert predicted.grad.tolist() == [[-1.0, 1.0]]
