"""How each object of a frame lies to the others: closeness, covered box, close look-alikes."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pvuw.traits.shapes import FrameShapes

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Neighbours:
    """One number per visible object, `[N]` each, in the order of the frame's shapes."""

    closeness: Array
    """`1 / (1 + s)` to the closest other object (`pvuw.traits.layout.crowding`); 0 if alone."""
    overlap: Array
    """Share of the object's box that lies in another object's box, the one that covers most."""
    similarity: Array
    """Cosine to the object that looks most alike; 0 where looks are not known."""
    lookalike: Array
    """Largest product of closeness and similarity to the same other object."""


def measure_neighbours(shapes: FrameShapes, looks: Mapping[int, NDArray[np.float32]]) -> Neighbours:
    """Return how the objects of a frame lie to each other.

    Args:
        shapes: The frame's objects.
        looks: Descriptors of length 1, `[D]`, of those objects whose looks are known.

    Example:
        >>> from pvuw.traits.shapes import shapes_of_id_map
        >>> shapes = shapes_of_id_map(np.array([[1, 2, 0, 0, 3]], dtype=np.uint8))
        >>> measure_neighbours(shapes, {}).closeness.round(2).tolist()
        [0.5, 0.5, 0.25]
        >>> same = np.ones(1, dtype=np.float32)
        >>> measure_neighbours(shapes, {1: same, 3: same}).lookalike.round(2).tolist()
        [0.2, 0.0, 0.2]
    """
    count = len(shapes.object_ids)
    if count < 2:
        return Neighbours(*(np.zeros(count) for _ in range(4)))
    gaps = np.linalg.norm(shapes.centroids_xy[:, None] - shapes.centroids_xy[None], axis=2)
    closeness = 1 / (1 + gaps / np.sqrt((shapes.areas[:, None] + shapes.areas[None]) / 2))
    cosines = _cosines(shapes.object_ids, looks)
    overlap = _box_overlap(shapes.boxes_xyxy)
    for table in (closeness, cosines, overlap):
        np.fill_diagonal(table, 0.0)
    return Neighbours(
        closeness=closeness.max(axis=1),
        overlap=overlap.max(axis=1),
        similarity=cosines.max(axis=1),
        lookalike=(closeness * cosines).max(axis=1),
    )


def _cosines(object_ids: tuple[int, ...], looks: Mapping[int, NDArray[np.float32]]) -> Array:
    """Return the cosine of each pair, `[N, N]`, 0 where the looks of either are not known."""
    length = max((len(look) for look in looks.values()), default=1)
    rows = np.stack([looks.get(i, np.zeros(length, dtype=np.float32)) for i in object_ids])
    cosines: Array = np.clip(rows @ rows.T, 0.0, 1.0).astype(np.float64)
    return cosines


def _box_overlap(boxes: NDArray[np.int64]) -> Array:
    """Return the share of box i that box j covers, `[N, N]`."""
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    covered = np.clip(high - low, 0, None).prod(axis=2)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return np.asarray(covered / area[:, None], dtype=np.float64)
