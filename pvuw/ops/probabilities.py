"""Log-odds against background, as networks give them, into probabilities and back."""

import torch
from torch import Tensor


def probabilities(mask_logits: Tensor, *, objects_compete: bool) -> tuple[Tensor, Tensor]:
    """Probabilities of objects and of background, each exact also where it is nearly 0.

    Args:
        mask_logits: Log-odds against background, float `[N, H, W]`.
        objects_compete: Softmax over a zero and the logits; otherwise a sigmoid for each object.

    Returns:
        Of the objects, `[N, H, W]`, and of background: `[1, H, W]` where objects compete,
        otherwise one for each object, `[N, H, W]`.

    Example:
        >>> objects, background = probabilities(torch.zeros(1, 1, 1), objects_compete=False)
        >>> objects.item(), background.item()
        (0.5, 0.5)
    """
    if not objects_compete:
        return mask_logits.sigmoid(), mask_logits.neg().sigmoid()
    zero = mask_logits.new_zeros(1, *mask_logits.shape[1:])
    both = torch.cat([zero, mask_logits]).softmax(dim=0)
    return both[1:], both[:1]


def log_odds(objects: Tensor, background: Tensor) -> Tensor:
    """Log-odds of what `probabilities` returns; both may be scaled by one factor.

    Example:
        >>> log_odds(torch.tensor([[[0.75]]]), torch.tensor([[[0.25]]])).item() > 1.09
        True
    """
    tiny = torch.finfo(objects.dtype).tiny
    return objects.clamp(min=tiny).log() - background.clamp(min=tiny).log()
