"""Loss of the object-presence score."""

from torch import Tensor

from pvuw.losses.cross_entropy import PLAIN, cross_entropy


def presence_loss(presence_logits: Tensor, visible: Tensor) -> Tensor:
    """Plain cross-entropy of "the object is visible in this frame".

    Ravi et al. (2024), "SAM 2", section 4, "occlusion prediction",
    https://arxiv.org/abs/2408.00714.

    Args:
        presence_logits: Float `[O, 1]`.
        visible: 1 where the truth has at least one pixel, float `[O, 1]`.

    Returns:
        Float `[O, 1]`.

    Example:
        >>> import torch
        >>> presence_loss(torch.tensor([[0.0], [9.0]]), torch.tensor([[1.0], [0.0]]))
        tensor([[0.6931],
                [9.0001]])
    """
    return cross_entropy(presence_logits, visible, PLAIN)
