"""J and F of the objects of one frame, as DAVIS and as MOSEv2 define them.

DAVIS: Perazzi et al. (2016) and Pont-Tuset et al. (2017), values as the released evaluation code
computes them. MOSEv2: Ding et al. (2025), values as its released scorer computes them, whose
definitions differ from the paper's words in places; `docs/evaluation.md` lists them.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pvuw.metrics.boundary import BoundaryPair, boundary_pair
from pvuw.metrics.regions import Regions, measure_regions

_TOLERANCE = 0.008
"""Boundary tolerance as a share of the frame's diagonal."""
_ADAPTIVE_TOLERANCE = 0.1
"""MOSEv2's boundary tolerance as a share of the square root of the object's area."""


class ObjectScore(NamedTuple):
    """One object in one frame."""

    j: float
    f: float
    f_adaptive: float
    """F with MOSEv2's size-adaptive tolerance; NaN under the DAVIS definition."""
    truth_area: int
    """Pixels of the object in the truth; 0 where the frame does not show it."""
    predicted_area: int
    """Pixels of the object in the prediction."""


DAVIS_ABSENT = ObjectScore(1.0, 1.0, math.nan, truth_area=0, predicted_area=0)
"""An object that neither truth nor prediction shows, under the DAVIS definition."""
MOSEV2_ABSENT = ObjectScore(1.0, 1.0, 1.0, truth_area=0, predicted_area=0)
"""The same under MOSEv2's definition."""

FrameMeasure = Callable[[NDArray[np.uint8], NDArray[np.uint8]], dict[int, ObjectScore]]
"""Scores every object that the truth or the prediction of a frame shows."""


def davis_scores(truth: NDArray[np.uint8], prediction: NDArray[np.uint8]) -> dict[int, ObjectScore]:
    """Return J and F of every id that is in the truth or in the prediction, by id.

    J is intersection over union. F takes boundary pixels as matched within
    `ceil(0.008 * diagonal of the frame)` pixels. An object missing from one side only has 0 in
    both; objects missing from both are not listed and have 1 in both.

    Args:
        truth: Id map, uint8 `[H, W]`; pixels without ground truth must be 0.
        prediction: Id map, uint8 `[H, W]`.

    Raises:
        ValueError: If the two differ in size or are no id maps.

    Example:
        >>> truth = np.zeros((100, 100), dtype=np.uint8)
        >>> truth[20:40, 20:40] = 3
        >>> prediction = np.roll(truth, 4, axis=1)
        >>> {i: (round(s.j, 4), round(s.f, 4)) for i, s in davis_scores(truth, prediction).items()}
        {3: (0.6667, 0.525)}
    """
    regions = measure_regions(truth, prediction)
    radius = math.ceil(_TOLERANCE * _diagonal(truth))
    scores = {}
    for object_id in regions.object_ids():
        pair = _boundaries(truth, prediction, regions=regions, object_id=object_id, margin=radius)
        union, intersection = _union_and_intersection(regions, object_id)
        scores[object_id] = ObjectScore(
            j=intersection / union,
            f=pair.f_measure(radius),
            f_adaptive=math.nan,
            truth_area=int(regions.truth_area[object_id]),
            predicted_area=int(regions.predicted_area[object_id]),
        )
    return scores


def foreground_scores(
    truth: NDArray[np.uint8], prediction: NDArray[np.uint8]
) -> dict[int, ObjectScore]:
    """Return DAVIS J and F of all ids together, as id 1: what one sentence means (MeViS).

    Args:
        truth: Id map, uint8 `[H, W]`; every pixel that is not 0 belongs to the target.
        prediction: The same.

    Raises:
        ValueError: If the two differ in size or are no id maps.

    Example:
        >>> truth = np.array([[0, 3, 9, 9]], dtype=np.uint8)
        >>> prediction = np.array([[0, 0, 1, 1]], dtype=np.uint8)
        >>> round(foreground_scores(truth, prediction)[1].j, 4)
        0.6667
    """
    return davis_scores((truth != 0).view(np.uint8), (prediction != 0).view(np.uint8))


def mosev2_scores(
    truth: NDArray[np.uint8], prediction: NDArray[np.uint8]
) -> dict[int, ObjectScore]:
    """Return MOSEv2's J, F and size-adaptive F of every id in the truth or prediction, by id.

    J is `(intersection + 1) / (union + 1)`: an object predicted where there is none keeps a little.
    The adaptive F matches within `ceil(0.1 * sqrt(true area))` pixels, at most 0.008 of the
    diagonal. Where that cap is reached, it is *not* rounded, and plain F uses it too.

    Args:
        truth: Id map, uint8 `[H, W]`.
        prediction: Id map, uint8 `[H, W]`.

    Raises:
        ValueError: If the two differ in size or are no id maps.

    Example:
        >>> truth = np.zeros((100, 100), dtype=np.uint8)
        >>> truth[20:40, 20:40] = 3
        >>> score = mosev2_scores(truth, np.roll(truth, 4, axis=1))[3]
        >>> round(score.j, 4), round(score.f, 4), round(score.f_adaptive, 4)
        (0.6674, 0.443, 0.443)
    """
    regions = measure_regions(truth, prediction)
    cap = _TOLERANCE * _diagonal(truth)
    scores = {}
    for object_id in regions.object_ids():
        pair = _boundaries(
            truth, prediction, regions=regions, object_id=object_id, margin=math.ceil(cap)
        )
        union, intersection = _union_and_intersection(regions, object_id)
        area = int(regions.truth_area[object_id])
        radius = math.ceil(_ADAPTIVE_TOLERANCE * math.sqrt(area))
        f_capped = pair.f_measure(cap if radius >= cap else math.ceil(cap))
        scores[object_id] = ObjectScore(
            j=(intersection + 1) / (union + 1),
            f=f_capped,
            f_adaptive=f_capped if radius >= cap else pair.f_measure(radius),
            truth_area=area,
            predicted_area=int(regions.predicted_area[object_id]),
        )
    return scores


def region_similarity(truth: NDArray[np.bool_], prediction: NDArray[np.bool_]) -> float:
    """Return DAVIS J of one mask, in 0..1; 1 where both are empty.

    Args:
        truth: bool `[H, W]`.
        prediction: bool `[H, W]`.

    Example:
        >>> region_similarity(np.array([[True, True]]), np.array([[True, False]]))
        0.5
    """
    return _score_masks(truth, prediction).j


def boundary_measure(truth: NDArray[np.bool_], prediction: NDArray[np.bool_]) -> float:
    """Return DAVIS F of one mask, in 0..1; 1 where both are empty.

    Args:
        truth: bool `[H, W]`.
        prediction: bool `[H, W]`.

    Example:
        >>> mask = np.eye(9, dtype=bool)
        >>> boundary_measure(mask, mask), boundary_measure(mask, np.zeros_like(mask))
        (1.0, 0.0)
    """
    return _score_masks(truth, prediction).f


def _score_masks(truth: NDArray[np.bool_], prediction: NDArray[np.bool_]) -> ObjectScore:
    scores = davis_scores(truth.astype(np.uint8), prediction.astype(np.uint8))
    return scores.get(1, DAVIS_ABSENT)


def _diagonal(id_map: NDArray[np.uint8]) -> float:
    height, width = id_map.shape
    return math.sqrt(height * height + width * width)


def _union_and_intersection(regions: Regions, object_id: int) -> tuple[int, int]:
    intersection = int(regions.intersection[object_id])
    both_areas = int(regions.truth_area[object_id]) + int(regions.predicted_area[object_id])
    return both_areas - intersection, intersection


def _boundaries(
    truth: NDArray[np.uint8],
    prediction: NDArray[np.uint8],
    *,
    regions: Regions,
    object_id: int,
    margin: int,
) -> BoundaryPair:
    return boundary_pair(
        truth, prediction, object_id=object_id, box=regions.box(object_id), margin=margin
    )
