"""Readout of the few most similar cells of memory, touching no others.

What `affinity.similarity`, a softmax over the best and `read_values` compute, within float
rounding, at a third of the time: the distance is one matrix product, the best cells are sought
along contiguous rows, and their values are gathered instead of multiplied with a matrix that is
nearly all zeros.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

_BLOCK = 512
"""Places of the frame that are compared with all of memory at once."""


class Readout(NamedTuple):
    """What the places of a frame read."""

    values: Tensor
    """Float32 `[Q, V]`."""
    used: Tensor
    """Summed weight with which each cell of memory was read, float32 `[M]`."""


def read_top_k(
    keys: Tensor,
    shrinkage: Tensor,
    values: Tensor,
    query: Tensor,
    selection: Tensor,
    *,
    top_k: int,
) -> Readout:
    """Values of memory under a softmax over the `top_k` cells most similar to each place.

    Args:
        keys: Keys in memory, float `[M, K]`.
        shrinkage: How certain each is, float `[M]`.
        values: Values in memory, float `[M, V]`.
        query: Keys of the frame, float `[Q, K]`.
        selection: Channels each place of the frame looks at, float `[Q, K]`.
        top_k: Cells that count, all where memory is smaller.

    Example:
        >>> one = torch.ones(1, 1)
        >>> keys, values = torch.tensor([[0.0], [2.0], [9.0]]), torch.tensor([[1.0], [3.0], [50.0]])
        >>> read_top_k(keys, torch.ones(3), values, one, one, top_k=2)
        Readout(values=tensor([[2.]]), used=tensor([0.5000, 0.5000, 0.0000]))
    """
    with torch.autocast(keys.device.type, enabled=False):
        scale = shrinkage.float()[:, None] / math.sqrt(keys.shape[1])
        keys, query, selection = keys.float(), query.float(), selection.float()
        # -e (k - q)^2 = 2 k e q - k^2 e - e q^2, as a product of three stacked parts
        weighted = query * selection
        cells = torch.cat([keys * scale, keys.square() * scale, scale], dim=1)
        places = torch.cat(
            [2 * weighted, -selection, -(weighted * query).sum(1, keepdim=True)], dim=1
        )
        used = torch.zeros_like(scale[:, 0])
        found = []
        for start in range(0, len(places), _BLOCK):
            block = places[start : start + _BLOCK]
            best, rows = (block @ cells.T).topk(min(top_k, len(cells)), dim=1)
            weights = best.softmax(dim=1)
            used.index_add_(0, rows.flatten(), weights.flatten())
            found.append(
                functional.embedding_bag(
                    rows, values.float(), per_sample_weights=weights, mode="sum"
                )
            )
        return Readout(torch.cat(found), used)
