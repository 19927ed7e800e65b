"""Frames as NumPy arrays, decoded no larger than needed. No torch: worker processes stay light."""

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pvuw.io.pictures import read_picture


def read_reduced(path: Path, mode: Literal["L", "RGB"], *, min_side: int) -> NDArray[np.uint8]:
    """Return a frame, uint8 `[h, w]` (mode `L`) or `[h, w, 3]` (mode `RGB`).

    A JPEG is decoded at 1/2, 1/4 or 1/8 of its size where both sides stay at least `min_side`: the
    decoder then averages whole blocks and takes a fraction of the time. Anything else, and a
    smaller JPEG, comes at full size.

    Args:
        path: A JPEG or PNG file.
        mode: Grey or colour.
        min_side: Smallest height and width that will do.

    Raises:
        DataError: If the file is missing, truncated or no image.
    """
    return np.array(read_picture(path, mode, min_wh=(min_side, min_side)))
