"""What cells of a frame are matched by."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from pvuw.nets.cutie.network import Widths


class Keys(NamedTuple):
    """What cells of a frame look like, as memory and as a query."""

    keys: Tensor
    """Float32 `[B, Ck, h, w]`."""
    shrinkage: Tensor
    """How sharply similarity to a cell falls off, at least 1, float32 `[B, 1, h, w]`."""
    selection: Tensor
    """Which channels matter when the cell reads, 0..1, float32 `[B, Ck, h, w]`."""


class KeyProjection(nn.Module):
    """Projects trunk features to keys.

    Args:
        feature_dim: Channels of the trunk's coarsest map.
        widths: Sizes of the layers.
    """

    def __init__(self, feature_dim: int, widths: Widths) -> None:
        super().__init__()
        self.pix_feat_proj = nn.Conv2d(feature_dim, widths.dim, kernel_size=1)
        self.key_proj = nn.Conv2d(widths.dim, widths.key_dim, kernel_size=3, padding=1)
        self.d_proj = nn.Conv2d(widths.dim, 1, kernel_size=3, padding=1)
        self.e_proj = nn.Conv2d(widths.dim, widths.key_dim, kernel_size=3, padding=1)
        nn.init.orthogonal_(self.key_proj.weight)
        assert self.key_proj.bias is not None
        nn.init.zeros_(self.key_proj.bias)

    def forward(self, f16: Tensor) -> Keys:
        """Keys of every cell, in float32: similarities are differences of large numbers."""
        with torch.autocast(f16.device.type, enabled=False):
            x = self.pix_feat_proj(f16.float())
            return Keys(self.key_proj(x), self.d_proj(x) ** 2 + 1, self.e_proj(x).sigmoid())
