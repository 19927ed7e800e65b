"""How the objects of one frame lie to each other: box occlusion and crowding."""

import numpy as np

from pvuw.traits.shapes import FrameShapes


def box_occlusion_rate(shapes: FrameShapes) -> float:
    """Return how much of the boxes of a frame is covered by two or more of them, 0..1.

    `BOR = area(union over i < j of (B_i and B_j)) / area(union of B_i)` with tight boxes `B`:
    Qi et al. (2022), Occluded Video Instance Segmentation, eq. 1 (https://arxiv.org/abs/2102.01558).
    The mean over frames with an object is the mBOR that the MOSE papers compare data sets by. It
    sees boxes only: an object hidden by something that has no mask leaves it at 0.

    Args:
        shapes: A frame with at least one object.

    Raises:
        ValueError: If the frame has no object.

    Example:
        >>> from pvuw.traits.shapes import shapes_of_masks
        >>> masks = {1: np.array([[True, True, False]]), 2: np.array([[False, True, True]])}
        >>> round(box_occlusion_rate(shapes_of_masks(masks, (1, 3))), 4)
        0.3333
    """
    boxes = shapes.boxes_xyxy
    if not len(boxes):
        raise ValueError("a frame without objects has no box occlusion rate")
    # The edges of all boxes cut the frame into cells that are each wholly in or out of a box.
    xs, ys = np.unique(boxes[:, [0, 2]]), np.unique(boxes[:, [1, 3]])
    covering = np.zeros((len(ys) - 1, len(xs) - 1), dtype=np.int64)
    for left, top, right, bottom in boxes:
        rows = slice(*np.searchsorted(ys, [top, bottom]))
        covering[rows, slice(*np.searchsorted(xs, [left, right]))] += 1
    cells = np.diff(ys)[:, None] * np.diff(xs)[None]
    return float(cells[covering >= 2].sum() / cells[covering >= 1].sum())


def crowding(shapes: FrameShapes) -> float:
    """Return how close the two closest objects of a frame are for their size, 0..1.

    `1 / (1 + s)`, where `s` is the smallest `|c_i - c_j| / sqrt((a_i + a_j) / 2)` over all pairs,
    with centroids `c` and areas `a`. Two equal squares side by side give 1/2, two with a gap of
    their own width 1/3; a lone object gives 0. The measure is ours: the MOSE papers ask for crowded
    scenes without defining them.

    Args:
        shapes: A frame with at least one object.

    Raises:
        ValueError: If the frame has no object.

    Example:
        >>> from pvuw.traits.shapes import shapes_of_masks
        >>> masks = {1: np.array([[True, False]]), 2: np.array([[False, True]])}
        >>> crowding(shapes_of_masks(masks, (1, 2)))
        0.5
    """
    count = len(shapes.object_ids)
    if not count:
        raise ValueError("a frame without objects has no crowding")
    if count == 1:
        return 0.0
    first, second = np.triu_indices(count, k=1)
    gaps = np.linalg.norm(shapes.centroids_xy[first] - shapes.centroids_xy[second], axis=1)
    sizes = np.sqrt((shapes.areas[first] + shapes.areas[second]) / 2)
    return float(1 / (1 + (gaps / sizes).min()))
