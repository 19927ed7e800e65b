"""What happens among the objects of one clip, where the objects of all clips lie in one batch.

Networks whose objects compete look at the others' masks in three places: what else is there
(`others`), whose pixel it is (`competing_logits`), and, in the object transformer, which pixels a
query may read. Objects of all clips of a batch are kept together as `O` rows, clips in order;
`counts` says how many each clip has, so no row is padding.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from pvuw.nets.matching.competing import aggregate


def others(masks: Tensor, counts: Sequence[int]) -> Tensor:
    """For each object the summed masks of its clip's other objects, float `[O, H, W]` in 0..1.

    Args:
        masks: Probabilities, float `[O, H, W]`.
        counts: Objects of each clip, `O` in all.

    Example:
        >>> others(torch.tensor([[[0.2]], [[0.7]], [[0.5]]]), [2, 1]).flatten()
        tensor([0.7000, 0.2000, 0.0000])
    """
    return _by_clip(masks, counts, lambda own: (own.sum(0, keepdim=True) - own).clamp(0, 1))


def competing_logits(probs: Tensor, counts: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Logits over background and objects, from each object's own probability.

    Soft aggregation of each clip's objects, see `matching.competing.aggregate`.

    Args:
        probs: Probability of each object taken alone, float `[O, H, W]`.
        counts: Objects of each clip, `O` in all.

    Returns:
        Logits of the objects, float32 `[O, H, W]`, and of the background of each clip, float32
        `[B, H, W]`; all within +-16.2.

    Example:
        >>> objects, background = competing_logits(torch.tensor([[[0.5]], [[0.5]]]), [2])
        >>> objects.flatten(), background.flatten()
        (tensor([0., 0.]), tensor([-1.0986]))
    """
    both = [aggregate(own) for own in torch.split(probs, list(counts))]
    return torch.cat([logits[1:] for logits in both]), torch.stack([logits[0] for logits in both])


def softmax_over_clip(objects: Tensor, background: Tensor, counts: Sequence[int]) -> Tensor:
    """Probabilities of the objects, float `[O, H, W]`, that with the background's sum to 1.

    Args:
        objects: Logits, float `[O, H, W]`.
        background: Logits of each clip's background, float `[B, H, W]`.
        counts: Objects of each clip, `O` in all.
    """
    parts = zip(torch.split(objects, list(counts)), background, strict=True)
    return torch.cat([torch.cat([empty[None], own]).softmax(dim=0)[1:] for own, empty in parts])


def against_background(objects: Tensor, background: Tensor, counts: Sequence[int]) -> Tensor:
    """Log-odds of each object against its clip's background, float `[O, H, W]`."""
    return objects - per_object(background, counts)


def strongest(objects: Tensor, background: Tensor, counts: Sequence[int]) -> Tensor:
    """Where each object is at least as likely as all else in its clip, bool `[O, H, W]`."""
    parts = zip(torch.split(objects, list(counts)), background, strict=True)
    return torch.cat([own >= torch.maximum(own.amax(0), empty) for own, empty in parts])


def per_object(per_clip: Tensor, counts: Sequence[int]) -> Tensor:
    """One row for each object from one for each clip: `[B, ...]` to `[O, ...]`."""
    if len(counts) == 1:  # no copy: every object of a video reads the same map
        return per_clip.expand(counts[0], *per_clip.shape[1:])
    repeats = torch.tensor(counts, device=per_clip.device)
    return per_clip.repeat_interleave(repeats, dim=0, output_size=sum(counts))


def shrink(masks: Tensor, size_hw: tuple[int, int]) -> Tensor:
    """Masks averaged over the cells of a coarser map, float `[O, h, w]` from `[O, H, W]`."""
    return functional.interpolate(masks[None], size=size_hw, mode="area")[0]


def _by_clip(rows: Tensor, counts: Sequence[int], function: Callable[[Tensor], Tensor]) -> Tensor:
    return torch.cat([function(own) for own in torch.split(rows, list(counts))])
