"""Linear matching: memory as one matrix per object, whatever the number of frames.

Liu et al. (2025), "LiVOS: Light Video Object Segmentation with Gated Linear Matching",
https://arxiv.org/abs/2411.02818.
"""

import torch
from torch import Tensor, nn


class KeyProjector(nn.Module):
    """Projects trunk features to keys whose channels sum to 1.

    Args:
        feature_dim: Channels of the trunk's coarsest map.
        hidden_dim: Channels between.
        key_dim: Channels of a key.
    """

    def __init__(self, feature_dim: int, hidden_dim: int, key_dim: int) -> None:
        super().__init__()
        self.layer1 = nn.Conv2d(feature_dim, hidden_dim, kernel_size=1)
        self.layer2 = nn.Conv2d(hidden_dim, key_dim, kernel_size=3, padding=1)

    def forward(self, f16: Tensor) -> Tensor:
        """Keys, float32 `[B, K, h, w]`."""
        keys: Tensor = self.layer2(self.layer1(f16))
        return keys.float().softmax(dim=1)


class GateProjector(nn.Module):
    """Says, from a frame, how much of each channel of memory to keep.

    Args:
        feature_dim: Channels of the trunk's coarsest map.
        dim: Channels of a value.
    """

    def __init__(self, feature_dim: int, dim: int) -> None:
        super().__init__()
        self.layer = nn.Conv2d(feature_dim, dim, kernel_size=1)

    def forward(self, f16: Tensor) -> Tensor:
        """Share to keep, float `[B, C]` in 0..1."""
        return torch.sigmoid(self.layer(f16)).mean(dim=(2, 3))


def written(state: Tensor, gate: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Memory after a frame: `state diag(gate) + sum_cells key value^T`, float32 `[N, K, C]`.

    Args:
        state: Memory of each object before, float `[N, K, C]`.
        gate: Share of each channel to keep, float `[C]`.
        keys: Keys of the frame, float `[K, h, w]`.
        values: What each object is there, float `[N, C, h, w]`.

    Example:
        >>> old, one = torch.ones(1, 1, 1), torch.ones(1, 1, 1)
        >>> written(old, torch.tensor([0.5]), one, torch.full((1, 1, 1, 1), 3.0))
        tensor([[[3.5000]]])
    """
    with torch.autocast(state.device.type, enabled=False):
        added = torch.einsum("khw,nchw->nkc", keys.float(), values.float())
        return state * gate.float() + added


def readout(state: Tensor, keys: Tensor, key_sum: Tensor) -> Tensor:
    """What objects were where memory looks like a frame, float32 `[N, C, h, w]`.

    Divided by one number for the frame, the product of its keys with those of all frames in memory,
    cell by cell: published so, where linear attention would divide each cell by its own.

    Args:
        state: Memory of each object, float `[N, K, C]`.
        keys: Keys of the frame, float `[K, h, w]`.
        key_sum: Sum of the keys of all frames in memory, float `[K, h, w]`.
    """
    with torch.autocast(state.device.type, enabled=False):
        keys, key_sum = keys.float(), key_sum.float()
        read = torch.einsum("khw,nkc->nchw", keys, state)
        return read / torch.einsum("khw,khw->", keys, key_sum)
