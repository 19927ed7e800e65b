"""Rotary positions in two dimensions, for attention over a map of tokens."""

import torch
from torch import Tensor

THETA = 10_000.0
"""Base of the frequencies."""

_Tables = tuple[Tensor, Tensor]


class RotaryTables:
    """Cosines and sines of the angles tokens are turned by, made when a size is first met.

    They are plain numbers of a size, so they are neither parameters nor buffers: casting or saving
    a module leaves them alone.

    Args:
        dim: Width of an attention head; a quarter of it says how many frequencies each axis has.
        extent: The map's width in units of the angle, whatever its number of cells.
    """

    def __init__(self, dim: int, *, extent: int) -> None:
        self.dim = dim
        self.extent = extent
        self._known: dict[tuple[int, int, torch.device], _Tables] = {}

    def __call__(self, height: int, width: int, device: torch.device) -> _Tables:
        """Cosine and sine, float32 `[h * w, dim / 2]` each: first half by column, second by row."""
        key = (height, width, device)
        if key not in self._known:
            # Not inside inference mode, whose tensors a later training step could not use.
            with torch.inference_mode(False):
                self._known[key] = self._make(height, width, device)
        return self._known[key]

    def _make(self, height: int, width: int, device: torch.device) -> _Tables:
        step = torch.arange(0, self.dim, 4, dtype=torch.float32)[: self.dim // 4] / self.dim
        frequency = 1.0 / THETA**step
        scale = self.extent / width
        row, column = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        angles = [
            torch.outer(place.flatten().float() * scale, frequency) for place in (column, row)
        ]
        # In float64, so that the tables are the same on every processor, and the release's.
        angle = torch.cat(angles, dim=-1).double()
        return angle.cos().float().to(device), angle.sin().float().to(device)


def rotate(heads: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Queries or keys turned by their positions, of the same dtype.

    Neighbouring channels are turned together. They come out in another order (first all even ones,
    then all odd ones), which is the same for queries and keys and so does not show in attention.

    Args:
        heads: Float `[..., L, dim]`.
        cosine: Float32 `[L, dim / 2]`.
        sine: The same shape.
    """
    even, odd = heads.float().reshape(*heads.shape[:-1], -1, 2).unbind(-1)
    turned = (even * cosine - odd * sine, even * sine + odd * cosine)
    return torch.cat(turned, dim=-1).to(heads.dtype)
