"""Morphological post-processing of id maps."""

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pvuw.inference.steps.base import MaskStep

Ids = NDArray[np.uint8]


class CloseGaps(MaskStep):
    """Closes gaps between adjacent objects by dilation (FVOS, https://arxiv.org/abs/2504.09507).

    Each object and the union of all others are dilated. Where the two overlap the objects are
    adjacent, and the overlap is filled into the object. Objects are then merged, the higher id on
    top. The report gives the kernel, 2, and no anchor: ours is OpenCV's for even kernels, the lower
    right of the two middle pixels, so that a kernel of 2 grows objects by one pixel to the right
    and down.

    Args:
        kernel: Side of the square kernel in pixels, at least 2.
    """

    def __init__(self, kernel: int = 2) -> None:
        if kernel < 2:
            raise ValueError(f"CloseGaps.kernel must be at least 2, got {kernel}")
        self.kernel = kernel

    def apply(self, id_map: Tensor) -> Tensor:
        """The id map with adjacent objects grown into one another, uint8 `[H, W]`."""
        ids = id_map.numpy()
        present = [int(i) for i in np.unique(ids) if i]
        if len(present) < 2:
            return id_map
        square = np.ones((self.kernel, self.kernel), np.uint8)
        merged = np.zeros_like(ids)
        for object_id in present:
            own = ids == object_id
            overlap = _dilated(own, square) & _dilated((ids != 0) & ~own, square)
            merged[own | overlap] = object_id
        return torch.from_numpy(merged)


class FillHoles(MaskStep):
    """Fills small holes: background that one object, and nothing else, surrounds.

    What SAM 2 offers with a CUDA extension, for any device.

    Args:
        max_area: Largest hole that is filled, pixels.
    """

    def __init__(self, max_area: int = 64) -> None:
        if max_area < 1:
            raise ValueError(f"FillHoles.max_area must be at least 1, got {max_area}")
        self.max_area = max_area

    def apply(self, id_map: Tensor) -> Tensor:
        """The id map without small holes, uint8 `[H, W]`."""
        ids = id_map.numpy()
        filled = ids.copy()
        for part, area in _parts(ids == 0):
            if area <= self.max_area and not _touches_edge(part):
                ring = _dilated(part, np.ones((3, 3), np.uint8)) & ~part
                around = np.unique(ids[ring])
                if len(around) == 1:
                    filled[part] = around[0]
        return torch.from_numpy(filled)


class RemoveSmallParts(MaskStep):
    """Removes fragments: parts of an object that are small beside its largest one.

    The largest part always stays, so no object vanishes.

    Args:
        max_share: Parts up to this share of the object's largest part go, 0..1.
        max_area: And only if they have at most this many pixels.
    """

    def __init__(self, max_share: float = 0.05, *, max_area: int = 256) -> None:
        if not 0 <= max_share < 1 or max_area < 1:
            raise ValueError(
                "RemoveSmallParts.max_share must be in 0..1 and max_area at least 1, "
                f"got {max_share} and {max_area}"
            )
        self.max_share = max_share
        self.max_area = max_area

    def apply(self, id_map: Tensor) -> Tensor:
        """The id map without fragments, uint8 `[H, W]`."""
        ids = id_map.numpy()
        kept = ids.copy()
        for object_id in np.unique(ids[ids > 0]):
            parts = _parts(ids == object_id)
            largest = max(area for _, area in parts)
            for part, area in parts:
                if area < largest and area <= min(self.max_share * largest, self.max_area):
                    kept[part] = 0
        return torch.from_numpy(kept)


def _dilated(mask: NDArray[np.bool_], kernel: Ids) -> NDArray[np.bool_]:
    return np.asarray(cv2.dilate(mask.astype(np.uint8), kernel), dtype=bool)


def _parts(mask: NDArray[np.bool_]) -> list[tuple[NDArray[np.bool_], int]]:
    """8-connected parts of a mask with their areas."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    return [(labels == label, int(stats[label, cv2.CC_STAT_AREA])) for label in range(1, count)]


def _touches_edge(part: NDArray[np.bool_]) -> bool:
    return bool(part[0].any() or part[-1].any() or part[:, 0].any() or part[:, -1].any())
