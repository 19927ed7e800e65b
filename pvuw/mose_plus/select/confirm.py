"""Whether two frames really show the same picture: pixels compared, not hashes."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pvuw.traits.pixels import read_reduced

_SIDE = 96
_CELL = 8


def thumbnail(path: Path) -> NDArray[np.float32]:
    """Return a frame in grey at 96 x 96, slightly blurred, float32 `[96, 96]`.

    The blur takes away what compression and resampling change; what moves is larger.

    Raises:
        DataError: If the frame cannot be read.
    """
    grey = read_reduced(path, "L", min_side=2 * _SIDE)
    small = cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    return cv2.GaussianBlur(small.astype(np.float32), (0, 0), 1.0).astype(np.float32)


def picture_difference(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Return the largest local difference of two thumbnails in grey levels of the first.

    `second` is first fitted to `first` by one gain and one offset (least squares). The absolute
    difference is averaged over cells of 8 x 8 thumbnail pixels and the largest of the 144 cells
    counts: a person of a hundredth of the frame standing elsewhere shows, however still the camera
    and the rest of the picture.

    Args:
        first: float32 `[96, 96]`.
        second: float32 `[96, 96]`.

    Example:
        >>> ramp = np.tile(np.arange(96, dtype=np.float32), (96, 1))
        >>> round(picture_difference(ramp, 0.5 * ramp + 20), 3)
        0.0
        >>> moved = ramp.copy()
        >>> moved[:8, :8] += 40
        >>> picture_difference(ramp, moved) > 30
        True
    """
    centred, other = first - first.mean(), second - second.mean()
    power = float((other * other).sum())
    gain = float((centred * other).sum()) / power if power else 0.0
    difference = np.abs(centred - gain * other)
    cells = difference.reshape(_SIDE // _CELL, _CELL, _SIDE // _CELL, _CELL).mean(axis=(1, 3))
    return float(cells.max())
