"""Which memory a place of the frame resembles: similarity, affinity and readout.

Letters: `K` key channels, `V` value channels, `M` cells in memory, `Q` cells of the frame.
"""

import math

import torch
from torch import Tensor


def similarity(key: Tensor, shrinkage: Tensor, query: Tensor, selection: Tensor | None) -> Tensor:
    """Anisotropic L2 similarity of memory to the frame (Cheng and Schwing 2022, eq. 3).

    `-s sum_k e_k (key_k - query_k)^2 / sqrt(K)`, multiplied out in the order the published networks
    were run in, and in float32 under any autocast: the terms nearly cancel.

    Args:
        key: Keys in memory, float `[B, K, M]`.
        shrinkage: How certain each is, `s >= 1`, float `[B, 1, M]`.
        query: Keys of the frame, float `[B, K, Q]`.
        selection: Channels each place of the frame looks at, `e` in 0..1, float `[B, K, Q]`; None
            for all alike, without the query's own square.

    Returns:
        Float32 `[B, M, Q]`.

    Example:
        >>> key, query = torch.tensor([[[1.0, 3.0]]]), torch.tensor([[[1.0]]])
        >>> similarity(key, torch.ones(1, 1, 2), query, torch.ones(1, 1, 1)).flatten().tolist()
        [0.0, -4.0]
    """
    with torch.autocast(key.device.type, enabled=False):
        query = query.float()
        scale = shrinkage.float().transpose(1, 2)
        keys = key.float().transpose(1, 2)  # [B, M, K]
        if selection is None:
            distance = -keys.pow(2).sum(2, keepdim=True) + 2 * (keys @ query)
        else:
            weight = selection.float()
            key_square = keys.pow(2) @ weight
            product = 2 * (keys @ (query * weight))
            query_square = (weight * query.pow(2)).sum(1, keepdim=True)
            distance = -key_square + product - query_square
        return distance * scale / math.sqrt(key.shape[1])


def full_affinity(scores: Tensor) -> Tensor:
    """Softmax over all cells of memory, float `[B, M, Q]`, in the published order of operations.

    Example:
        >>> full_affinity(torch.tensor([[[0.0], [-500.0], [0.0]]])).flatten().tolist()
        [0.5, 0.0, 0.5]
    """
    weights = (scores - scores.amax(dim=1, keepdim=True)).exp()
    return weights / weights.sum(dim=1, keepdim=True)


def read_values(affinity: Tensor, values: Tensor) -> Tensor:
    """Values of memory under an affinity: `[N, V, M]` and `[1, M, Q]` to `[N, V, Q]`.

    Example:
        >>> values = torch.tensor([[[1.0, 5.0]]])
        >>> read_values(torch.tensor([[[0.5], [0.5]]]), values).flatten().tolist()
        [3.0]
    """
    return values @ affinity
