"""Sine encoding of the place of a cell in a map."""

import torch
from torch import Tensor, nn

_LENGTH = 32.0
_TEMPERATURE = 128.0
_EPS = 1e-6


class SinePositions(nn.Module):
    """Encodes the place of every cell: half the channels for its column, half for its row.

    Coordinates are scaled to 0..32 whatever the map's size, and each frequency fills a channel with
    its sine and the next with its cosine.

    Args:
        dim: Channels, a multiple of 4.
    """

    inv_freq: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        if dim % 4:
            raise ValueError(f"position encodings need a multiple of 4 channels, got {dim}")
        half = dim // 2
        steps = torch.arange(0, half, 2).float() / half
        # Published checkpoints hold this constant.
        self.register_buffer("inv_freq", 1.0 / _TEMPERATURE**steps)

    def forward(self, size_hw: tuple[int, int]) -> Tensor:
        """Encodings of a map's cells, float `[h, w, dim]`."""
        height, width = size_hw
        rows, columns = self._waves(height), self._waves(width)
        return torch.cat(
            [columns[None].expand(height, -1, -1), rows[:, None].expand(-1, width, -1)], dim=-1
        )

    def _waves(self, length: int) -> Tensor:
        """Sines and cosines in turn, `[length, dim / 2]`."""
        place = torch.arange(length, device=self.inv_freq.device, dtype=self.inv_freq.dtype)
        place = place / (place[-1] + _EPS) * _LENGTH
        angles = place[:, None] * self.inv_freq
        return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)
