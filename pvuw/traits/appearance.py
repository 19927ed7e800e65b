"""How much the objects of a frame look alike: descriptors of single objects and their cosine."""

from collections.abc import Mapping
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

MIN_PIXELS = 16
_COLOUR_CELLS = 16
_LIGHT_BINS = 16
_ANGLE_BINS = 18


class ObjectDescriptor(Protocol):
    """Says what each object of a frame looks like, as one vector of unit length."""

    def __call__(
        self, frame: NDArray[np.uint8], masks: Mapping[int, NDArray[np.bool_]]
    ) -> NDArray[np.float32]:
        """Return one row per mask, `[N, D]`, in the order of `masks`.

        Args:
            frame: RGB, uint8 `[H, W, 3]`.
            masks: Mask of each object, bool `[H, W]`, each with at least one pixel.
        """


class ColourAndTexture:
    """Colour and texture statistics inside the mask; needs no network and no weights.

    Three histograms over the pixels of the mask, each smoothed so that neighbouring bins count as
    similar, each scaled to length 1, joined with weights 1/2, 1/4, 1/4: Lab colour (a, b), Lab
    lightness, and gradient direction (0..180 degrees, weighted with the gradient's length, the
    outline left out). The cosine of two objects is thereby the weighted mean of three cosines.

    Example:
        >>> frame = np.zeros((8, 16, 3), dtype=np.uint8)
        >>> frame[:, :8, 0] = 255
        >>> left = np.repeat(np.arange(16)[None] < 8, 8, axis=0)
        >>> rows = ColourAndTexture()(frame, {1: left, 2: ~left})
        >>> rows.shape[0], bool(rows[0] @ rows[1] < 0.5)
        (2, True)
    """

    def __call__(
        self, frame: NDArray[np.uint8], masks: Mapping[int, NDArray[np.bool_]]
    ) -> NDArray[np.float32]:
        """Return one row per mask, `[N, D]`, each of length 1."""
        return np.array([_describe(frame, mask) for mask in masks.values()], dtype=np.float32)


def largest_similarity(descriptors: NDArray[np.float32]) -> float:
    """Return the cosine of the two objects that look most alike, -1..1.

    Args:
        descriptors: Rows of length 1, `[N, D]`, at least two.

    Example:
        >>> rows = np.array([[1, 0], [0, 1], [0.6, 0.8]], dtype=np.float32)
        >>> round(largest_similarity(rows), 6)
        0.8
    """
    cosines = descriptors @ descriptors.T
    return float(cosines[np.triu_indices(len(descriptors), k=1)].max())


def masks_at_size(
    id_map: NDArray[np.uint8], size_hw: tuple[int, int]
) -> dict[int, NDArray[np.bool_]]:
    """Return the masks of an id map at the size of a reduced frame, by id.

    Objects of fewer than 16 pixels there are left out: their statistics say nothing.

    Args:
        id_map: uint8 `[H, W]`.
        size_hw: Size of the reduced frame.

    Example:
        >>> masks_at_size(np.full((8, 8), 3, dtype=np.uint8), (4, 4))[3].sum()
        np.int64(16)
    """
    small = cv2.resize(id_map, size_hw[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
    counts = np.bincount(small.ravel(), minlength=256)
    return {int(i): small == i for i in np.flatnonzero(counts >= MIN_PIXELS) if i}


def _describe(frame: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    box = np.s_[top : top + height, left : left + width]
    lab = cv2.cvtColor(np.ascontiguousarray(frame[box]), cv2.COLOR_RGB2Lab)
    pixels = np.ascontiguousarray(mask[box]).view(np.uint8)
    colour = cv2.calcHist([lab], [1, 2], pixels, [_COLOUR_CELLS] * 2, [0, 256, 0, 256])
    light = cv2.calcHist([lab], [0], pixels, [_LIGHT_BINS], [0, 256])
    parts = (
        0.5**0.5 * _unit(cv2.GaussianBlur(colour, (0, 0), 0.7)),
        0.25**0.5 * _unit(cv2.GaussianBlur(light.reshape(1, -1), (0, 0), 1.0)),
        0.25**0.5 * _unit(_blur_circle(_gradient_directions(lab[..., 0], pixels))),
    )
    return _unit(np.concatenate(parts))


def _gradient_directions(light: NDArray[Any], pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the gradient's length summed by direction, `[bins]`, away from the outline."""
    dx, dy = cv2.Sobel(light, cv2.CV_32F, 1, 0), cv2.Sobel(light, cv2.CV_32F, 0, 1)
    # A border of zeros, so that pixels at the edge of the box count as outline.
    inside = cv2.erode(pixels, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT) > 0
    if not inside.any():
        inside = pixels > 0
    dx, dy = dx[inside], dy[inside]
    bins = (np.arctan2(dy, dx) / np.pi % 1 * _ANGLE_BINS).astype(np.int64) % _ANGLE_BINS
    return np.bincount(bins, np.hypot(dx, dy), minlength=_ANGLE_BINS).astype(np.float64)


def _blur_circle(histogram: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the histogram smoothed; its last bin is the neighbour of its first."""
    return 0.5 * histogram + 0.25 * (np.roll(histogram, 1) + np.roll(histogram, -1))


def _unit(values: NDArray[Any]) -> NDArray[np.float32]:
    flat = values.ravel().astype(np.float32)
    norm = float(np.linalg.norm(flat))
    return flat / norm if norm else flat
