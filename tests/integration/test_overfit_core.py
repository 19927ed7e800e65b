"""The core learns: a few dozen steps on one clip, and its streaming session tracks both objects."""

import pytest

from pvuw.losses import CrossEntropy, VOSLoss
from pvuw.nets.sam2 import Sam2
from tests.helpers.overfit import SIZE, crossing_cars, id_map, jf, track, train

STEPS = 70


@pytest.mark.slow
def test_one_clip_is_learnt_in_seconds():
    frames, masks = crossing_cars()
    assert jf([id_map(masks[0])] * len(masks), masks) < 0.6  # copying will not do
    net = Sam2("nano", image_size=SIZE)
    loss = VOSLoss(3.0, cross_entropy=CrossEntropy(gamma=0.0, alpha=None))
    train(net, loss, frames, masks, steps=STEPS)
    assert jf(track(net, frames, masks), masks) > 0.9
