"""TMO learns one clip: its foreground, and its session finds both objects in it."""

import pytest
import torch

from lightning_modules.foreground import merge_objects
from pvuw.losses import ForegroundLoss
from pvuw.nets.tmo import Tmo
from pvuw.nets.tmo.identities import IdentityConfig
from tests.helpers.overfit import batch_of, id_map, jf, minimise, track

SIZE = 64
STEPS = 40
PEAK_LR = 1e-3


def two_boxes():
    """Four frames of two boxes on noise that slide apart from each other; uint8 and bool."""
    torch.manual_seed(4)
    frames = torch.randint(60, 120, (1, 3, SIZE, SIZE), dtype=torch.uint8).repeat(4, 1, 1, 1)
    masks = torch.zeros(4, 2, SIZE, SIZE, dtype=torch.bool)
    for t in range(4):
        masks[t, 0, 8:28, 4 + 4 * t : 24 + 4 * t] = True
        masks[t, 1, 36:56, 36 - 4 * t : 56 - 4 * t] = True
        for slot, color in enumerate(((200, 60, 40), (50, 80, 220))):
            frames[t][:, masks[t, slot]] = torch.tensor(color, dtype=torch.uint8)[:, None]
    return frames, masks


def train(net, frames, masks):
    batch = merge_objects(batch_of(frames, masks))
    loss = ForegroundLoss(1.0, dice_weight=1.0, sim_weight=0.1, iou_weight=1.0)

    def total():
        return loss(net.forward_clip(batch, features=True), batch).total

    minimise(net, total, steps=STEPS, peak_lr=PEAK_LR, weight_decay=0.0)


@pytest.mark.slow
def test_one_clip_is_learnt():
    frames, masks = two_boxes()
    assert jf([id_map(masks[0])] * len(masks), masks) < 0.7  # staying where they were will not do
    # Without flow masks are expected where they were, so reach must be what a box moves.
    net = Tmo("mitb1", image_size=SIZE, identities=IdentityConfig(reach=0.1))
    train(net, frames, masks)
    assert jf(track(net, frames, masks), masks) > 0.9
