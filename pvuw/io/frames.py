"""Frames of a video: JPEG and PNG files as tensors."""

import io
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.io import ImageReadMode, decode_jpeg

from pvuw.errors import DataError
from pvuw.io import png
from pvuw.io.pictures import decode_picture, parse_header


def read_frame(path: Path) -> Tensor:
    """Return a picture as RGB, uint8 `[3, H, W]`.

    What the file is gets decided by its first bytes, not by its name. Grayscale and palette images
    become RGB, alpha is dropped.

    Raises:
        DataError: If the file is missing, empty, truncated, damaged, to be turned as
            EXIF says, or neither JPEG nor PNG.
    """
    try:
        content = np.fromfile(path, dtype=np.uint8)
    except FileNotFoundError as error:
        raise png.missing(path) from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check its rights") from error
    header = parse_header(path, io.BytesIO(content.tobytes()))
    if header.kind == "PNG":
        # torchvision's PNG decoder ends the whole process (segmentation fault, torchvision 0.29)
        # on damaged pixel data.
        picture = decode_picture(path, content.tobytes())
        return torch.from_numpy(np.array(picture)).permute(2, 0, 1)
    return _decode_jpeg(path, content)


def _decode_jpeg(path: Path, content: NDArray[np.uint8]) -> Tensor:
    try:
        # Raises where the data end early, and does not mind bytes behind the end of the image.
        frame: Tensor = decode_jpeg(torch.from_numpy(content), mode=ImageReadMode.RGB)
    except RuntimeError as error:
        message = f"{path}: truncated or damaged JPEG; copy or export the frame again"
        raise DataError(message) from error
    return frame
