"""Loss of the network's own quality estimate: predicted against actual IoU."""

import torch
from torch import Tensor


def mask_iou(mask_logits: Tensor, target: Tensor, *, valid: Tensor | None = None) -> Tensor:
    """IoU of each thresholded candidate mask with the truth; 0 where both are empty.

    Args:
        mask_logits: Candidates, float `[O, M, H, W]`; > 0 is foreground.
        target: Truth, float `[O, 1, H, W]` of 0 and 1.
        valid: Pixels that have a truth, bool `[O, 1, H, W]`; None where all have one.

    Returns:
        Float `[O, M]`, without gradient.

    Example:
        >>> mask_iou(torch.tensor([[[[1.0, 1.0, -1.0]]]]), torch.tensor([[[[1.0, 0.0, 0.0]]]]))
        tensor([[0.5000]])
    """
    predicted, truth = mask_logits > 0, target > 0
    if valid is not None:
        predicted, truth = predicted & valid, truth & valid
    overlap = (predicted & truth).flatten(2).sum(-1).float()
    union = (predicted | truth).flatten(2).sum(-1).float()
    return overlap / union.clamp(min=1)


def mask_iou_loss(predicted_iou: Tensor, actual_iou: Tensor) -> Tensor:
    """Absolute error of the predicted IoU of each candidate, the L1 form SAM 2 is trained with.

    Args:
        predicted_iou: Float `[O, M]`.
        actual_iou: Float `[O, M]` in 0..1, see `mask_iou`.

    Returns:
        Float `[O, M]`.

    Example:
        >>> mask_iou_loss(torch.tensor([[0.5, 1.0]]), torch.tensor([[0.75, 0.0]]))
        tensor([[0.2500, 1.0000]])
    """
    return torch.abs(predicted_iou - actual_iou)
