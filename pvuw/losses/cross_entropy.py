"""Cross-entropy of foreground/background logits, plain or focal."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class CrossEntropy:
    """How hard and rare pixels are weighted; `gamma: 0, alpha: null` is plain cross-entropy."""

    gamma: float = 2.0
    """Focusing exponent: a pixel counts `(1 - p)^gamma`, p the probability given to its class."""
    alpha: float | None = 0.25
    """Weight of foreground pixels, background gets `1 - alpha`; None weights both by 1."""

    def __post_init__(self) -> None:
        """Refuse values that have no meaning."""
        if self.gamma < 0:
            raise ValueError(f"cross_entropy.gamma must not be negative, got {self.gamma}")
        if self.alpha is not None and not 0 <= self.alpha <= 1:
            raise ValueError(f"cross_entropy.alpha must be null or in 0..1, got {self.alpha}")


FOCAL = CrossEntropy()
"""SAM 2's choice for masks, and the paper's own."""
PLAIN = CrossEntropy(gamma=0.0, alpha=None)
"""Binary cross-entropy; SAM 2's choice for object presence."""


def cross_entropy(logits: Tensor, target: Tensor, kind: CrossEntropy = FOCAL) -> Tensor:
    """Cross-entropy of every element: `-alpha_t (1 - p_t)^gamma log p_t`.

    Lin et al. (2017), "Focal Loss for Dense Object Detection", eq. 5,
    https://arxiv.org/abs/1708.02002.

    Args:
        logits: Log-odds of foreground, float of any shape.
        target: 1 for foreground, 0 for background, float of the same shape.
        kind: Focal parameters.

    Returns:
        Float of the same shape, not reduced.

    Example:
        >>> logits, target = torch.tensor([0.0, 0.0, 2.0]), torch.tensor([0.0, 1.0, 1.0])
        >>> cross_entropy(logits, target, PLAIN)
        tensor([0.6931, 0.6931, 0.1269])
        >>> cross_entropy(logits, target)
        tensor([0.1300, 0.0433, 0.0005])
    """
    # The sigmoid comes first: autograd sums the two gradients in reverse order of their making, and
    # the sum is to round as the reference's does.
    prob = logits.sigmoid() if kind.gamma > 0 else None
    loss = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    if prob is not None:
        prob_of_class = prob * target + (1 - prob) * (1 - target)
        loss = loss * ((1 - prob_of_class) ** kind.gamma)
    if kind.alpha is not None:
        loss = (kind.alpha * target + (1 - kind.alpha) * (1 - target)) * loss
    return loss


def mask_cross_entropy(
    mask_logits: Tensor,
    target: Tensor,
    *,
    kind: CrossEntropy = FOCAL,
    valid: Tensor | None = None,
) -> Tensor:
    """Mean cross-entropy over the pixels of each candidate mask.

    Args:
        mask_logits: Candidates, float `[O, M, H, W]`.
        target: Truth, float `[O, 1, H, W]` of 0 and 1.
        kind: Focal parameters.
        valid: Pixels that have a truth, bool `[O, 1, H, W]`; None where all have one. A mask
            without any valid pixel costs 0.

    Returns:
        Float `[O, M]`.

    Example:
        >>> target = torch.tensor([[[[1.0, 0.0]]]])
        >>> mask_cross_entropy(torch.zeros(1, 3, 1, 2), target, kind=PLAIN)
        tensor([[0.6931, 0.6931, 0.6931]])
    """
    pixels = cross_entropy(mask_logits, target.expand_as(mask_logits), kind).flatten(2)
    if valid is None:
        return pixels.mean(-1)
    counted = valid.flatten(2)
    return torch.where(counted, pixels, 0.0).sum(-1) / counted.sum(-1).clamp(min=1)
