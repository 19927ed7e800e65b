"""How well an object's predicted boundary follows the true one, within a tolerance.

Perazzi et al. (2016), "A Benchmark Dataset and Evaluation Methodology for Video Object
Segmentation", section 4.1.2, in the form of the released evaluation code: boundary maps are dilated
by a disk and intersected. The dilated maps are never made. Only what lies around the boundary
pixels themselves is looked up, row by row of the disk, inside the box of the object.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pvuw.metrics.regions import Box

_TRUTH, _PREDICTED = 1, 2


@dataclass(frozen=True)
class DiskRow:
    """All rows of a disk that have the same length."""

    length: int
    row: NDArray[np.int64]
    """Distance of each such row from the centre, `[K]`, in pixels downwards."""
    left: int
    """Where the rows begin, in pixels right of the centre."""


@lru_cache(maxsize=256)  # a video set has few frame sizes, MOSEv2's radii few values
def disk_rows(radius: float) -> tuple[DiskRow, ...]:
    """Return the rows of a disk, shortest first, as the official evaluators build their kernels.

    Pixels lie on the grid `-radius, -radius + 1, ...`, and the kernel's anchor is its middle pixel.
    For a whole radius that is the usual disk. For MOSEv2's other radii the grid misses the origin,
    which leaves a smaller disk off its centre. Below 0.59 no pixel is left; there this returns the
    centre, where the official scorer looks at an arbitrary neighbour.

    Args:
        radius: Tolerance in pixels.

    Example:
        >>> [(row.length, row.row.tolist(), row.left) for row in disk_rows(2.0)]
        [(1, [-2, 2], 0), (3, [-1, 1], -1), (5, [0], -2)]
    """
    grid = np.arange(-radius, radius + 1)
    inside = grid[:, None] ** 2 + grid[None] ** 2 <= radius**2
    anchor = len(grid) // 2
    if not inside.any():
        inside[anchor, anchor] = True
    lengths = inside.sum(axis=1)
    left = inside.argmax(axis=1) - anchor
    return tuple(
        DiskRow(
            length=int(length),
            row=np.flatnonzero(lengths == length) - anchor,
            left=int(left[lengths == length][0]),
        )
        for length in np.unique(lengths[lengths > 0])
    )


@dataclass(frozen=True)
class BoundaryPair:
    """Boundary pixels of one object in truth and prediction, ready to be matched."""

    flags: NDArray[np.uint8]
    """Bit 0: on the true boundary, bit 1: on the predicted one; flat, rows of `stride` pixels. Each
    row ends in, and the first follows, so many zeros that no disk reaches from one into another."""
    stride: int
    position: NDArray[np.int64]
    """Index into `flags` of each boundary pixel, ascending."""

    def f_measure(self, radius: float) -> float:
        """Harmonic mean of the shares of boundary pixels that have a partner within `radius`.

        Args:
            radius: Tolerance in pixels, at most the margin the pair was made with.

        Returns:
            F in 0..1; where one boundary is empty 0, where both are 1.
        """
        own = self.flags[self.position]
        num_truth = int(np.count_nonzero(own & _TRUTH))
        num_predicted = int(np.count_nonzero(own & _PREDICTED))
        if not num_truth or not num_predicted:
            return float(num_truth == num_predicted)
        # Swapped, so that bit 0 now says "a predicted pixel is near" to the true pixels' bit 0.
        near = self._flags_near(radius)
        matched = own & ((near >> 1) | (near << 1))
        precision = int(np.count_nonzero(matched & _PREDICTED)) / num_predicted
        recall = int(np.count_nonzero(matched & _TRUTH)) / num_truth
        if precision + recall == 0:
            return 0.0
        return 2 * precision * recall / (precision + recall)

    def _flags_near(self, radius: float) -> NDArray[np.uint8]:
        """Union of the flags under the disk around each boundary pixel, `[P]`."""
        near = np.zeros(len(self.position), dtype=np.uint8)
        # `union[i]` is the union of the flags i..i+length-1; rows of the disk come shortest first,
        # and each length is made from an earlier one.
        union, length = self.flags, 1
        for disk_row in disk_rows(radius):
            while length < disk_row.length:
                step = min(length, disk_row.length - length)
                union = union[:-step] | union[step:]
                length += step
            offset = disk_row.row * self.stride + disk_row.left
            # Rows outside the box end up clipped to an end of the buffer, where there are zeros.
            near |= np.bitwise_or.reduce(
                union.take(self.position + offset[:, None], mode="clip"), axis=0
            )
        return near


def boundary_pair(
    truth: NDArray[np.uint8],
    prediction: NDArray[np.uint8],
    *,
    object_id: int,
    box: Box,
    margin: int,
) -> BoundaryPair:
    """Return the boundary pixels of an object in both maps.

    A pixel is on the boundary if it differs from its right, lower or lower right neighbour, so the
    line runs half a pixel up and left of the mask's edge. The frame's own lower and right edge is
    no boundary: what lies behind counts as a copy of the last row and column.

    Args:
        truth: Id map, uint8 `[H, W]`.
        prediction: Id map, uint8 `[H, W]`.
        object_id: Whose boundary.
        box: Holds all pixels of the object in both maps.
        margin: The largest radius the pair will be matched at, in pixels, rounded up.
    """
    mask, top, left = _mask_flags(truth, prediction, object_id=object_id, box=box, margin=margin)
    stride = mask.shape[1]
    height, width = box.bottom - top, box.right - left
    flat = mask.ravel()
    size = height * stride
    here = flat[:size]
    # Zeros in front for the disk's reach to the left of the first pixel, and behind for the reads
    # of the longest row; at least one pixel more, which clipped positions hit.
    pad = 2 * margin + 2
    flags = np.zeros(pad + size + pad, dtype=np.uint8)
    edge = flags[pad : pad + size]
    np.bitwise_xor(here, flat[1 : size + 1], out=edge)
    edge |= here ^ flat[stride : size + stride]
    edge |= here ^ flat[stride + 1 : size + stride + 1]
    edge.reshape(height, stride)[:, width:] = 0
    return BoundaryPair(flags=flags, stride=stride, position=np.flatnonzero(flags != 0))


def _mask_flags(
    truth: NDArray[np.uint8],
    prediction: NDArray[np.uint8],
    *,
    object_id: int,
    box: Box,
    margin: int,
) -> tuple[NDArray[np.uint8], int, int]:
    """Return the object's two masks as flags on a canvas, and the canvas's first row and column.

    The canvas holds the box, the row above and the column left of it, where boundary pixels may
    lie, and below and right of it what the neighbours there count as.
    """
    height, width = truth.shape
    top, left = max(box.top - 1, 0), max(box.left - 1, 0)
    num_rows, num_columns = box.bottom - top, box.right - left
    # Two rows more: one of neighbours, one that the last pixel's flat neighbours may run into.
    canvas = np.zeros((num_rows + 2, num_columns + margin + 1), dtype=np.uint8)
    inside = canvas[:num_rows, :num_columns]
    window = np.s_[top : box.bottom, left : box.right]
    np.multiply(prediction[window] == object_id, np.uint8(_PREDICTED), out=inside)
    inside |= truth[window] == object_id
    if box.bottom == height:
        canvas[num_rows] = canvas[num_rows - 1]
    if box.right == width:
        canvas[:, num_columns] = canvas[:, num_columns - 1]
    return canvas, top, left
