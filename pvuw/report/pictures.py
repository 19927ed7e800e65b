"""Frames and masks as short text that a browser can draw: WebP, and deflated id maps. No torch."""

import base64
import io
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pvuw.io.pictures import read_picture
from pvuw.io.video_file import VideoFile
from pvuw.io.videos import Video

_WEBP_QUALITY = 50
_WEBP_EFFORT = 4  # of 0..6; more takes several times as long for a few per cent


def choose_frames(num_frames: int, limit: int, *, wanted: Sequence[int] = ()) -> list[int]:
    """Return positions spread evenly over a video, first and last included, ascending.

    Args:
        num_frames: Frames of the video, at least 1.
        limit: Most positions, at least 1.
        wanted: Positions that must be among them, the most important first: each takes the place
            of the nearest one that may go.

    Example:
        >>> choose_frames(9, 3), choose_frames(9, 3, wanted=[5]), choose_frames(2, 3)
        ([0, 4, 8], [0, 5, 8], [0, 1])
        >>> choose_frames(90, 5, wanted=[30, 33])
        [0, 30, 33, 67, 89]
    """
    spread = np.linspace(0, num_frames - 1, min(limit, num_frames)).round().astype(int).tolist()
    inner = spread[1:-1] if len(spread) > 2 else spread
    may_go = [position for position in inner if position not in wanted]
    for position in wanted:
        if position not in spread and may_go:
            nearest = min(may_go, key=lambda other: abs(other - position))
            may_go.remove(nearest)
            spread[spread.index(nearest)] = position
    return sorted(spread)


def reduced_size(size_hw: tuple[int, int], max_side: int) -> tuple[int, int]:
    """Return height and width scaled down so that the longer is at most `max_side`.

    Example:
        >>> reduced_size((1080, 1920), 320), reduced_size((90, 160), 320)
        ((180, 320), (90, 160))
    """
    scale = min(1.0, max_side / max(size_hw))
    return max(1, round(size_hw[0] * scale)), max(1, round(size_hw[1] * scale))


def read_small(video: Video, position: int, size_hw: tuple[int, int]) -> Image.Image:
    """Return a frame as a small RGB picture.

    Args:
        video: Whose frame.
        position: Which one.
        size_hw: Size of the picture, no larger than the frame.

    Raises:
        DataError: If the frame cannot be read.
    """
    if isinstance(video, VideoFile):
        image = Image.fromarray(video.read_pixels(position))
        return image.resize(size_hw[::-1], Image.Resampling.BILINEAR)
    picture = read_picture(video.frame_paths[position], min_wh=size_hw[::-1])
    return picture.resize(size_hw[::-1], Image.Resampling.BILINEAR)


def encode_picture(picture: Image.Image) -> str:
    """Return a picture as WebP in base64."""
    buffer = io.BytesIO()
    picture.save(buffer, format="WEBP", quality=_WEBP_QUALITY, method=_WEBP_EFFORT)
    return base64.b64encode(buffer.getvalue()).decode()


def reduce_id_map(id_map: NDArray[np.uint8], size_hw: tuple[int, int]) -> NDArray[np.uint8]:
    """Return an id map at another size, ids taken from the nearest pixel, uint8 `[h, w]`."""
    reduced = Image.fromarray(id_map).resize(size_hw[::-1], Image.Resampling.NEAREST)
    return np.asarray(reduced, dtype=np.uint8)


def encode_id_map(id_map: NDArray[np.uint8], size_hw: tuple[int, int]) -> str:
    """Return an id map, one byte a pixel by rows, as zlib's format in base64.

    Args:
        id_map: uint8 `[H, W]`.
        size_hw: Size of the result; ids are taken from the nearest pixel.
    """
    return encode_levels(reduce_id_map(id_map, size_hw))


def encode_levels(levels: NDArray[np.uint8]) -> str:
    """Return numbers of 0..255, `[H, W]`, one byte a pixel by rows, as zlib's format in base64."""
    return base64.b64encode(zlib.compress(levels.tobytes(), 9)).decode()
