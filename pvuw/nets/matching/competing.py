"""Objects that compete for pixels: soft aggregation, and log-odds against the background."""

from collections.abc import Mapping

import torch
from torch import Tensor

_EDGE = 1e-7
"""How near to 0 and 1 a probability may come."""


def aggregate(probs: Tensor, dim: int = 0) -> Tensor:
    """Logits over background and objects from each object's own probability.

    Soft aggregation (Oh et al. 2019, https://arxiv.org/abs/1904.00607, section 3.4): background is
    where no object is, `prod(1 - p)`; each channel's logit is `log(p / (1 - p))`, and softmax over
    them makes the channels sum to 1.

    Args:
        probs: Probabilities of `N` objects along `dim`, in 0..1.
        dim: The objects' dimension.

    Returns:
        Float32 logits with `1 + N` channels along `dim`, background first.

    Example:
        >>> aggregate(torch.tensor([0.5, 0.0])).round(decimals=2)
        tensor([  0.0000,   0.0000, -16.1200])
    """
    probs = probs.float()
    background = (1 - probs).prod(dim=dim, keepdim=True)
    both = torch.cat([background, probs], dim=dim).clamp(_EDGE, 1 - _EDGE)
    return torch.log(both / (1 - both))


def log_odds(logits: Tensor, dim: int = 0) -> Tensor:
    """`log p_k - log p_background` of each object, from logits over background and objects.

    Args:
        logits: Logits of `1 + N` channels along `dim`, background first.
        dim: The channels' dimension.

    Returns:
        `N` channels along `dim`. Softmax over a zero and these gives the probabilities back.

    Example:
        >>> log_odds(torch.tensor([1.0, 3.0, 0.0])).tolist()
        [2.0, -1.0]
    """
    return logits.narrow(dim, 1, logits.shape[dim] - 1) - logits.narrow(dim, 0, 1)


def insert_masks(
    predicted: Tensor | None, given: Mapping[int, Tensor], *, num_objects: int
) -> Tensor:
    """Probabilities of all objects of a frame on which some are given as masks.

    Given masks hold. Where any of them lies, every predicted object yields.

    Args:
        predicted: Probabilities of the objects tracked before this frame, float `[M, H, W]` in the
            first `M` slots; None where none was predicted.
        given: Mask of each prompted slot, `[H, W]`: bool, or soft in 0..1, above 0.5 being inside.
        num_objects: Objects known after this frame, `N >= M`.

    Returns:
        Float32 `[N, H, W]`.

    Example:
        >>> predicted, mask = torch.tensor([[[0.5, 0.9]]]), torch.tensor([[True, False]])
        >>> insert_masks(predicted, {1: mask}, num_objects=2).tolist()
        [[[0.0, 0.8999999761581421]], [[1.0, 0.0]]]
    """
    masks = {slot: mask.float() for slot, mask in given.items()}
    size_hw = next(iter(masks.values())).shape
    merged = next(iter(masks.values())).new_zeros(num_objects, *size_hw)
    if predicted is not None:
        taken = torch.stack(list(masks.values())).sum(0) > 0.5
        merged[: len(predicted)] = predicted.float().masked_fill(taken, 0.0)
    for slot, mask in masks.items():
        merged[slot] = mask
    return merged
