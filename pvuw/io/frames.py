"""Frames of a video: JPEG and PNG files as tensors."""

import io
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torchvision.io import ImageReadMode, decode_jpeg

from pvuw.errors import DataError
from pvuw.io import png

_JPEG_START = b"\xff\xd8"


def read_frame(path: Path) -> Tensor:
    """Return an image as RGB, uint8 `[3, H, W]`.

    What the file is gets decided by its first bytes, not by its name. Grayscale and palette images
    become RGB, alpha is dropped, an EXIF rotation is ignored (masks do not carry one).

    Raises:
        DataError: If the file is missing, empty, truncated, damaged, or neither JPEG nor PNG.
    """
    try:
        content = np.fromfile(path, dtype=np.uint8)
    except FileNotFoundError as error:
        raise png.missing(path) from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check its rights") from error
    start = content[:8].tobytes()
    if start.startswith(_JPEG_START):
        return _decode_jpeg(path, content)
    if start == png.SIGNATURE:
        return _decode_png(path, content.tobytes())
    what = "neither JPEG nor PNG" if content.size else "empty file"
    raise DataError(f"{path}: {what}, starts with {start!r}; copy or export the frame again")


def _decode_jpeg(path: Path, content: NDArray[np.uint8]) -> Tensor:
    try:
        # Raises where the data end early, and does not mind bytes behind the end of the image.
        frame: Tensor = decode_jpeg(torch.from_numpy(content), mode=ImageReadMode.RGB)
    except RuntimeError as error:
        message = f"{path}: truncated or damaged JPEG; copy or export the frame again"
        raise DataError(message) from error
    return frame


def _decode_png(path: Path, content: bytes) -> Tensor:
    # torchvision's PNG decoder ends the whole process (segmentation fault, torchvision 0.29) on
    # damaged pixel data, and Pillow shows them without a word: so check first, then use Pillow.
    png.check_complete(path, content)
    header = png.parse_header(path, content)
    if header.depth > 8:
        raise DataError(f"{path}: has {header.depth} bits per channel; export the frame as 8-bit")
    try:
        with Image.open(io.BytesIO(content)) as image:
            pixels = np.array(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError) as error:
        raise png.damaged(path) from error
    return torch.from_numpy(pixels).permute(2, 0, 1)
