"""Dice loss of candidate masks."""

import torch
from torch import Tensor


def dice_loss(mask_logits: Tensor, target: Tensor, *, valid: Tensor | None = None) -> Tensor:
    """One minus the soft Dice overlap of each candidate mask with the truth.

    `1 - (2 sum(p y) + 1) / (sum(p) + sum(y) + 1)` over the pixels of a mask: V-Net's measure
    (Milletari et al., 2016, https://arxiv.org/abs/1606.04797) without squares and with a 1 above
    and below, as SAM 2 trains with, so that an empty mask on an empty truth costs 0.

    Args:
        mask_logits: Candidates, float `[O, M, H, W]`.
        target: Truth, float `[O, 1, H, W]` of 0 and 1.
        valid: Pixels that have a truth, bool `[O, 1, H, W]`; None where all have one.

    Returns:
        Float `[O, M]`.

    Example:
        >>> target = torch.tensor([[[[1.0, 1.0, 0.0]]]])
        >>> right, nothing = [[[9.0, 9.0, -9.0]]], [[[-9.0, -9.0, -9.0]]]
        >>> dice_loss(torch.tensor([right + nothing]), target).round(decimals=3)
        tensor([[0.0000, 0.6670]])
    """
    probs = mask_logits.sigmoid()
    truth = target.expand_as(probs)
    if valid is not None:
        probs, truth = torch.where(valid, probs, 0.0), torch.where(valid, truth, 0.0)
    probs, truth = probs.flatten(2), truth.flatten(2)
    overlap = 2 * (probs * truth).sum(-1)
    total = probs.sum(-1) + truth.sum(-1)
    return 1 - (overlap + 1) / (total + 1)
