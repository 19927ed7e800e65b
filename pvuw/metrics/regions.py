"""Areas, overlaps and boxes of all objects of a frame, from one pass over its two id maps.

Masks are made of long horizontal runs. Cutting both maps into the runs on which neither changes
leaves a few thousand numbers out of half a million pixels, and everything about regions follows
from those, for any number of objects at once.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_NUM_IDS = 256


class Box(NamedTuple):
    """Rows `top..bottom-1` and columns `left..right-1`, in pixels."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass(frozen=True)
class Regions:
    """Sizes and places of the objects of one frame; every array is indexed by object id."""

    truth_area: NDArray[np.int64]
    """Pixels of each id in the truth, `[256]`."""
    predicted_area: NDArray[np.int64]
    """Pixels of each id in the prediction, `[256]`."""
    intersection: NDArray[np.int64]
    """Pixels that have the id in both, `[256]`."""
    extent: NDArray[np.int64]
    """First row, first column, last row and last column of an id in truth and prediction together,
    `[256, 4]`; meaningless for an id that is in neither."""

    def object_ids(self) -> list[int]:
        """Ids present in the truth or in the prediction, ascending, without the background."""
        return [int(i) for i in np.flatnonzero(self.truth_area + self.predicted_area) if i]

    def box(self, object_id: int) -> Box:
        """Smallest box around an object's truth and prediction together."""
        top, left, bottom, right = self.extent[object_id].tolist()
        return Box(top, left, bottom + 1, right + 1)


def measure_regions(truth: NDArray[np.uint8], prediction: NDArray[np.uint8]) -> Regions:
    """Return areas, overlaps and boxes of every object of a frame.

    Args:
        truth: Id map, uint8 `[H, W]`.
        prediction: Id map, uint8 `[H, W]`.

    Raises:
        ValueError: If the two differ in size or are no id maps.

    Example:
        >>> regions = measure_regions(
        ...     np.array([[0, 7, 7], [0, 7, 7]], dtype=np.uint8),
        ...     np.array([[7, 7, 0], [0, 0, 0]], dtype=np.uint8),
        ... )
        >>> regions.object_ids(), regions.truth_area[7], regions.predicted_area[7]
        ([7], np.int64(4), np.int64(2))
        >>> regions.intersection[7], regions.box(7)
        (np.int64(1), Box(top=0, left=0, bottom=2, right=3))
    """
    _check_id_maps(truth, prediction)
    window = _foreground_window(truth, prediction)
    truth = truth[window.top : window.bottom, window.left : window.right]
    prediction = prediction[window.top : window.bottom, window.left : window.right]
    start = _run_starts(truth, prediction)
    length = np.diff(start, append=truth.size)
    truth_id, predicted_id = truth.ravel()[start], prediction.ravel()[start]
    both = truth_id == predicted_id
    extent = _extents(truth_id, predicted_id, start=start, length=length, width=truth.shape[1])
    extent += np.array([window.top, window.left, window.top, window.left])
    return Regions(
        truth_area=_sum_by_id(truth_id, length),
        predicted_area=_sum_by_id(predicted_id, length),
        intersection=_sum_by_id(truth_id[both], length[both]),
        extent=extent,
    )


def _check_id_maps(truth: NDArray[np.uint8], prediction: NDArray[np.uint8]) -> None:
    if truth.dtype != np.uint8 or prediction.dtype != np.uint8 or truth.ndim != 2:
        raise ValueError(
            f"id maps must be uint8 [H, W], got {truth.dtype} {list(truth.shape)} "
            f"and {prediction.dtype} {list(prediction.shape)}"
        )
    if truth.shape != prediction.shape:
        raise ValueError(
            f"truth and prediction must have one size, got {list(truth.shape)} "
            f"and {list(prediction.shape)}"
        )


def _foreground_window(truth: NDArray[np.uint8], prediction: NDArray[np.uint8]) -> Box:
    """Return the box of everything that is not background in both, one pixel if all is."""
    foreground = truth | prediction
    rows = np.flatnonzero(np.bitwise_or.reduce(foreground, axis=1))
    if not len(rows):
        return Box(0, 0, 1, 1)
    columns = np.flatnonzero(np.bitwise_or.reduce(foreground[rows[0] : rows[-1] + 1], axis=0))
    return Box(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)


def _run_starts(truth: NDArray[np.uint8], prediction: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the flat position of the first pixel of each run; a run ends with its row."""
    starts = np.empty(truth.shape, dtype=np.bool_)
    starts[:, 0] = True
    np.not_equal(truth[:, 1:], truth[:, :-1], out=starts[:, 1:])
    starts[:, 1:] |= prediction[:, 1:] != prediction[:, :-1]
    return np.flatnonzero(starts)


def _sum_by_id(ids: NDArray[np.uint8], length: NDArray[np.int64]) -> NDArray[np.int64]:
    # bincount adds in float64, exact for any image there is.
    return np.bincount(ids, weights=length, minlength=_NUM_IDS).astype(np.int64)


def _extents(
    truth_id: NDArray[np.uint8],
    predicted_id: NDArray[np.uint8],
    *,
    start: NDArray[np.int64],
    length: NDArray[np.int64],
    width: int,
) -> NDArray[np.int64]:
    row = start // width
    left = start - row * width
    right = left + length - 1
    first = np.full((2, _NUM_IDS), np.iinfo(np.int64).max)
    last = np.full((2, _NUM_IDS), -1)
    for ids in (truth_id, predicted_id):
        np.minimum.at(first[0], ids, row)
        np.minimum.at(first[1], ids, left)
        np.maximum.at(last[0], ids, row)
        np.maximum.at(last[1], ids, right)
    return np.concatenate([first, last]).T
