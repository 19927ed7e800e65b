"""Maps and masks of a video's frames that wait on the temporary disk."""

import tempfile
import weakref
from collections.abc import Hashable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F


class FrameSpool:
    """Maps of frames, all of one shape and type; written once, in order; gone with the object."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="pvuw-referdino-")  # noqa: SIM115
        weakref.finalize(self, self._file.close)
        self._like: Tensor | None = None
        self._count = 0

    def __len__(self) -> int:
        """Return the number of frames kept."""
        return self._count

    def append(self, maps: Tensor) -> None:
        """Keep the maps of the next frames, `[T, ...]`."""
        maps = maps.cpu()
        self._like = maps[0]
        self._file.seek(0, 2)
        self._file.write(maps.numpy().tobytes())
        self._count += len(maps)

    def read(self, position: int) -> Tensor:
        """The map of a frame, on the CPU.

        Raises:
            IndexError: If it was not kept.
        """
        if self._like is None or not 0 <= position < self._count:
            raise IndexError(f"{position} of {self._count} frames")
        like = self._like.numpy()
        self._file.seek(like.nbytes * position)
        values = np.frombuffer(self._file.read(like.nbytes), like.dtype)
        return torch.from_numpy(values.copy()).view(self._like.shape)


class MaskSpool:
    """Masks of one size by key, a bit a pixel; gone with the object.

    Args:
        size_hw: Height and width of the masks.
    """

    def __init__(self, size_hw: tuple[int, int]) -> None:
        self._size_hw = size_hw
        self._spool = FrameSpool()
        self._places: dict[Hashable, int] = {}

    def put(self, key: Hashable, mask: Tensor) -> None:
        """Keep a mask, bool `[H, W]`."""
        bits = mask.flatten().to(torch.uint8)
        bits = F.pad(bits, (0, -len(bits) % 8)).view(-1, 8)
        weights = torch.tensor([128, 64, 32, 16, 8, 4, 2, 1], dtype=torch.uint8, device=bits.device)
        self._places[key] = len(self._spool)
        self._spool.append((bits * weights).sum(1, dtype=torch.uint8)[None])

    def get(self, key: Hashable) -> Tensor | None:
        """The mask of a key, bool `[H, W]` on the CPU; None where there is none."""
        if key not in self._places:
            return None
        bits = np.unpackbits(self._spool.read(self._places[key]).numpy())
        height, width = self._size_hw
        return torch.from_numpy(bits[: height * width].astype(bool)).view(height, width)
