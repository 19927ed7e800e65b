"""Pixels by what all members say about them: a handful of combinations instead of millions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pvuw.errors import DataError
from pvuw.io.mask_store import IdMap

NO_OPINION = -1
"""Label of a member that has no mask for the frame."""
_DENSE = 1 << 20  # codes that are counted in a table instead of sorted
_LARGEST = 1 << 62


@dataclass(frozen=True)
class Combinations:
    """The different things that `M` members say about the pixels of a frame, `C` of them."""

    labels: NDArray[np.int16]
    """File id that each member gives, `[C, M]`; 0: background, -1: it has no mask here."""
    counts: NDArray[np.int64]
    """Pixels of each, `[C]`."""
    which: NDArray[np.intp]
    """Combination of each pixel, `[P]`, in the order the pixels were given."""


def combine(maps: Sequence[IdMap | None]) -> Combinations:
    """Return what members say about the same pixels, each combination of labels once.

    Args:
        maps: One array of labels for each member, all of one shape with at least one pixel; None:
            no opinion. At least one is there.

    Raises:
        DataError: If so many members use so many ids that combinations cannot be numbered.

    Example:
        >>> a, b = np.uint8([0, 0, 7, 7]), np.uint8([0, 7, 7, 7])
        >>> found = combine([a, None, b])
        >>> found.labels.tolist(), found.counts.tolist()
        ([[0, -1, 0], [0, -1, 7], [7, -1, 7]], [1, 1, 2])
    """
    given = [number for number, pixels in enumerate(maps) if pixels is not None]
    flat = [np.ascontiguousarray(pixels).reshape(-1) for pixels in maps if pixels is not None]
    ids = _ids(flat)
    base, size = len(ids), len(ids) ** len(flat)
    if size > _LARGEST:
        raise DataError(
            f"{len(flat)} members with {base} ids in one frame are too many to compare; leave out "
            "members"
        )
    codes = _codes(flat, ids, size=size)
    present, counts, which = _count(codes, size)
    labels = np.full((len(present), len(maps)), NO_OPINION, dtype=np.int16)
    for member in reversed(given):
        present, digit = np.divmod(present, base)
        labels[:, member] = ids[digit]
    return Combinations(labels, counts, which)


def _ids(flat: Sequence[IdMap]) -> NDArray[np.uint8]:
    seen = np.zeros(256, dtype=bool)
    for pixels in flat:
        seen |= cv2.calcHist([pixels], [0], None, [256], [0, 256]).reshape(-1) > 0
    return np.flatnonzero(seen).astype(np.uint8)


def _codes(flat: Sequence[IdMap], ids: NDArray[np.uint8], *, size: int) -> NDArray[Any]:
    """Return the labels of each pixel read as the digits of one number below `size`."""
    digits = np.zeros(256, dtype=np.uint8)
    digits[ids] = np.arange(len(ids))
    kind = "int64" if size > _DENSE else "int32" if size > 1 << 16 else "uint16"
    codes: NDArray[Any] = np.zeros(len(flat[0]), dtype=kind)
    for pixels in flat:
        codes *= len(ids)
        codes += cv2.LUT(pixels, digits).reshape(-1)
    return codes


def _count(
    codes: NDArray[Any], size: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.intp]]:
    """Return the codes that occur, ascending, how often, and which of them each pixel has."""
    if size > _DENSE:
        present, which, counts = np.unique(codes, return_inverse=True, return_counts=True)
        return present.astype(np.int64), counts.astype(np.int64), which
    table = np.bincount(codes, minlength=size)
    present = np.flatnonzero(table)
    rank = np.zeros(size, dtype=np.intp)
    rank[present] = np.arange(len(present))
    return present.astype(np.int64), table[present].astype(np.int64), rank[codes]
