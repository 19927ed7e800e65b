import math

import pytest
import torch

from pvuw.losses.presence import presence_loss
from tests.helpers.noise import SUMMATION


def test_is_plain_cross_entropy():
    logits, visible = [-2.0, -2.0, 0.0, 3.0], [0.0, 1.0, 1.0, 1.0]
    loss = presence_loss(torch.tensor(logits)[:, None], torch.tensor(visible)[:, None])
    assert loss.shape == (4, 1)
    for x, y, value in zip(logits, visible, loss[:, 0].tolist(), strict=True):
        p = 1 / (1 + math.exp(-x))
        assert value == pytest.approx(-math.log(p if y else 1 - p), rel=SUMMATION)
