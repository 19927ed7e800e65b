"""The readout of the published networks, over the whole of memory at once."""

import torch

UNDERFLOW = -80.0


def top_k_affinity(scores, top_k):
    """Softmax over the `top_k` most similar cells of memory, 0 for all others.

    Without subtracting the maximum, as the published networks do it, bit for bit; where that would
    leave nothing but zeros (and NaN for them) the maximum is subtracted.
    """
    values, cells = scores.topk(min(top_k, scores.shape[1]), dim=1)
    strongest = values[:, :1]
    weights = (values - strongest.where(strongest < UNDERFLOW, 0.0)).exp()
    weights = weights / weights.sum(dim=1, keepdim=True)
    return torch.zeros_like(scores).scatter_(1, cells, weights)
