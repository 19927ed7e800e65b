"""Which objects of a frame resemble each other, from the colours inside their masks."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


def by_likeness(
    frame: NDArray[np.uint8], labels: NDArray[np.uint8], ranked: Sequence[int]
) -> list[int]:
    """Return the labels with the first one kept in front and the others by likeness to it.

    The colours of each object are summed up by the mean `m` and the standard deviation `s` of its
    pixels in each Lab channel (8-bit, as OpenCV scales them). The distance of two objects is
    `sqrt(|m - m'|^2 + |s - s'|^2)`: the 2-Wasserstein distance of normal distributions with
    independent channels. It is zero for equal colours and texture contrast, needs no weights and
    knows nothing of shape. Of two equal distances the label ranked higher comes first.

    Args:
        frame: RGB, uint8 `[H, W, 3]`; resized to the size of `labels`.
        labels: Label of every pixel, uint8 `[h, w]`.
        ranked: Labels present in `labels`, at least one.

    Example:
        >>> frame = np.repeat(np.array([[[0], [250], [240]]], dtype=np.uint8), 3, axis=2)
        >>> by_likeness(frame, np.array([[1, 2, 3]], dtype=np.uint8), [3, 1, 2])
        [3, 2, 1]
    """
    height, width = labels.shape
    small = cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2Lab)
    colours = np.stack([_colours(lab, labels == label) for label in ranked])
    distances = np.linalg.norm(colours - colours[0], axis=1)
    distances[0] = -1.0  # an exact copy must not come before the object itself
    return [ranked[i] for i in np.argsort(distances, kind="stable")]


def _colours(lab: NDArray[Any], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    mean, deviation = cv2.meanStdDev(lab, mask=mask.view(np.uint8))
    return np.concatenate([mean[:, 0], deviation[:, 0]])
