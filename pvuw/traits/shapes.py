"""Where the visible objects of a frame are: all that the traits need to know of a mask."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class FrameShapes:
    """Area, box and centre of each of the `N` objects visible in one frame."""

    object_ids: tuple[int, ...]
    """Ascending, length `N`."""
    areas: NDArray[np.float64]
    """Pixels, `[N]`, each at least 1."""
    boxes_xyxy: NDArray[np.int64]
    """Tight boxes in pixels, `[N, 4]`; right and bottom just outside the object."""
    centroids_xy: NDArray[np.float64]
    """Mean pixel position, `[N, 2]`."""
    size_hw: tuple[int, int]
    """Height and width of the frame."""


def shapes_of_id_map(id_map: NDArray[np.uint8]) -> FrameShapes:
    """Return the shapes of the objects of an id map, uint8 `[H, W]`, 0 = background.

    Example:
        >>> shapes = shapes_of_id_map(np.array([[0, 0, 0], [0, 7, 7]], dtype=np.uint8))
        >>> shapes.object_ids, shapes.areas.tolist(), shapes.boxes_xyxy.tolist()
        ((7,), [2.0], [[1, 1, 3, 2]])
        >>> shapes.centroids_xy.tolist()
        [[1.5, 1.0]]
    """
    left, top, width, height = cv2.boundingRect(id_map)
    crop = np.ascontiguousarray(id_map[top : top + height, left : left + width])
    return _collect(_masks_in(crop), offset_xy=(left, top), size_hw=id_map.shape[:2])


def shapes_of_masks(
    masks: Mapping[int, NDArray[np.bool_]], size_hw: tuple[int, int]
) -> FrameShapes:
    """Return the shapes of objects given as masks by id, bool `[H, W]`; they may overlap.

    Args:
        masks: Mask of each object; one without pixels counts as not visible.
        size_hw: Size of the frame, also where there is no mask.

    Example:
        >>> masks = {2: np.array([[True, True]]), 5: np.array([[False, True]])}
        >>> shapes_of_masks(masks, (1, 2)).areas.tolist()
        [2.0, 1.0]
    """
    visible = ((i, masks[i].view(np.uint8)) for i in sorted(masks) if masks[i].any())
    return _collect(visible, offset_xy=(0, 0), size_hw=size_hw)


def _masks_in(id_map: NDArray[np.uint8]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    if not id_map.size:
        return
    counts = cv2.calcHist([id_map], [0], None, [256], [0, 256]).ravel()
    for object_id in np.flatnonzero(counts[1:]) + 1:
        yield int(object_id), (id_map == object_id).view(np.uint8)


def _collect(
    masks: Iterator[tuple[int, NDArray[np.uint8]]],
    *,
    offset_xy: tuple[int, int],
    size_hw: tuple[int, int],
) -> FrameShapes:
    ids, areas, boxes, centroids = [], [], [], []
    for object_id, mask in masks:
        left, top, width, height = cv2.boundingRect(mask)
        # Moments of the box alone: most objects are small, and a frame has two million pixels.
        moments = cv2.moments(mask[top : top + height, left : left + width], binaryImage=True)
        area = moments["m00"]
        x, y = left + offset_xy[0], top + offset_xy[1]
        ids.append(object_id)
        areas.append(area)
        boxes.append((x, y, x + width, y + height))
        centroids.append((x + moments["m10"] / area, y + moments["m01"] / area))
    return FrameShapes(
        tuple(ids),
        np.array(areas, dtype=np.float64),
        np.array(boxes, dtype=np.int64).reshape(-1, 4),
        np.array(centroids, dtype=np.float64).reshape(-1, 2),
        (int(size_hw[0]), int(size_hw[1])),
    )
