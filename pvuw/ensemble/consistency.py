"""How far members agree with each other, per object and moment, ids included."""

import numpy as np
from numpy.typing import NDArray

from pvuw.ensemble.track_table import TrackTable
from pvuw.ensemble.tracks import Matching

WINDOW_BINS = 5
"""Frames (stretches of time) over which agreement is averaged, so that weights do not flicker."""
ABSENT_AGREEMENT = 0.75
"""What not seeing an object together counts: about the IoU of two good masks of it, so that members
that lost it are no more of one mind than those that still have it. A round number, ours."""

Array = NDArray[np.float64]


def consistency(matching: Matching) -> Array:
    """Return each member's agreement with the others, 0..1, `[B, M, K]`.

    The mean IoU of an object's mask with that of every other member that has an opinion in that
    frame, over five frames around it. Not seen by both counts 0.75. Members that never differ
    count as one and do not vouch for each other. A member with nobody to compare with gets 1.

    Args:
        matching: Tracks whose exchanged ids are put right.
    """
    table, shares = matching.table, matching.shares
    shape = (table.num_bins, table.num_members, table.num_objects)
    agreed, weight = np.zeros(shape), np.zeros(shape)
    for a in range(table.num_members):
        for b in range(a):
            if matching.same[a, b]:
                continue
            iou, both = _pair(table, a, b)
            for one, other in ((a, b), (b, a)):
                agreed[:, one] += shares[other] * iou * both
                weight[:, one] += shares[other] * both
    agreed, weight = _over_time(agreed), _over_time(weight)
    return np.where(weight > 0, agreed / np.maximum(weight, 1e-12), 1.0)


def _pair(table: TrackTable, a: int, b: int) -> tuple[Array, NDArray[np.bool_]]:
    return _iou(table, table.slots[:, a], table.slots[:, b])


def _iou(
    table: TrackTable, a: NDArray[np.intp], b: NDArray[np.intp]
) -> tuple[Array, NDArray[np.bool_]]:
    """Return IoU, `[B, K]`, 0.75 where both are empty, and where both have an opinion, `[B, 1]`."""
    both = (a >= 0) & (b >= 0)
    bins, counts, a, b = table.bins[both], table.counts[both], a[both], b[both]
    size = table.num_objects + 1

    def areas(slots: NDArray[np.intp], pixels: Array) -> Array:
        flat = np.bincount(bins * size + slots, pixels, table.num_bins * size)
        return flat.reshape(table.num_bins, size)[:, 1:].astype(np.float64)

    inside = areas(a, counts * (a == b))
    union = areas(a, counts) + areas(b, counts) - inside
    iou = np.where(union > 0, inside / np.maximum(union, 1.0), ABSENT_AGREEMENT)
    return iou, (np.bincount(bins, minlength=table.num_bins) > 0)[:, None]


def _over_time(values: Array) -> Array:
    """Sums over a window of time, cut off at both ends of the video."""
    radius = WINDOW_BINS // 2
    sums = np.cumsum(np.concatenate([np.zeros_like(values[:1]), values]), axis=0)
    times = np.arange(len(values))
    last = np.minimum(times + radius + 1, len(values))
    difference: Array = sums[last] - sums[np.maximum(times - radius, 0)]
    return difference
