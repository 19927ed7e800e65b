"""Id maps in PNG files: reading what is stored, writing the DAVIS palette. Imports no torch."""

import functools
import io
import zlib
from pathlib import Path

import kornia_rs
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pvuw.errors import DataError
from pvuw.io import png
from pvuw.io.atomic import atomic_path

_COLOUR_NAMES = {
    png.RGB: "RGB",
    png.GRAY_ALPHA: "grayscale with alpha",
    png.RGB_ALPHA: "RGB with alpha",
}


def read_id_map(path: Path, *, void_id: int | None = None) -> NDArray[np.uint8]:
    """Return the object id of every pixel as the file stores it, uint8 `[H, W]`.

    Palette and grayscale PNGs of up to 8 bits are accepted. An 8-bit grayscale mask that holds
    nothing but 0 and 255 is a foreground mask as in DAVIS 2016: its 255 becomes id 1.

    Args:
        path: A PNG file.
        void_id: Id that marks pixels without ground truth in this data set; it becomes 0.

    Raises:
        DataError: If the file is missing, damaged, not a PNG, or holds colours instead of ids.
    """
    id_map = _read_stored_ids(path)
    return id_map if void_id is None else split_void(id_map, void_id)[0]


def split_void(
    id_map: NDArray[np.uint8], void_id: int | None
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return the id map with void pixels set to 0, and where they were, bool of the same shape.

    Args:
        id_map: Ids as stored, uint8 of any shape.
        void_id: The id that means "no ground truth here"; None: no pixel is void.

    Example:
        >>> ids, void = split_void(np.array([[0, 1, 255]], dtype=np.uint8), 255)
        >>> ids.tolist(), void.tolist()
        ([[0, 1, 0]], [[False, False, True]])
    """
    if void_id is None:
        return id_map, np.zeros(id_map.shape, dtype=np.bool_)
    void = id_map == void_id
    if not void.any():  # as on most frames; `where` costs more than reading the file
        return id_map, void
    return np.where(void, np.uint8(0), id_map), void


def write_id_map(path: Path, id_map: NDArray[np.uint8]) -> None:
    """Write an id map as an 8-bit palette PNG in DAVIS colours, whole or not at all.

    Args:
        path: Target; missing folders are created.
        id_map: uint8 `[H, W]`.

    Raises:
        ValueError: If `id_map` has another type or number of dimensions.
    """
    if id_map.dtype != np.uint8 or id_map.ndim != 2:
        raise ValueError(f"id_map must be uint8 [H, W], got {id_map.dtype} {list(id_map.shape)}")
    image = Image.fromarray(id_map)
    # A palette of all 256 colours also keeps Pillow from choosing a bit depth below 8, which
    # several readers decode to garbage without a word.
    image.putpalette(_palette_bytes())
    with atomic_path(path) as temporary:
        # Masks are runs: looking for nothing else takes half the time and hardly more space.
        image.save(temporary, format="PNG", compress_type=zlib.Z_RLE)


def davis_palette() -> NDArray[np.uint8]:
    """Return the colour of each id, uint8 `[256, 3]` RGB: the PASCAL VOC map that DAVIS uses.

    The bits of an id are dealt out to red, green and blue in turn, each channel filling up from its
    highest bit.

    Example:
        >>> davis_palette()[[0, 1, 2, 8]].tolist()
        [[0, 0, 0], [128, 0, 0], [0, 128, 0], [64, 0, 0]]
    """
    ids, channel = np.arange(256)[:, None], np.arange(3)[None]
    palette = np.zeros((256, 3), dtype=np.int64)
    for level in range(8):
        palette |= ((ids >> (3 * level + channel)) & 1) << (7 - level)
    return palette.astype(np.uint8)


@functools.cache
def _palette_bytes() -> bytes:
    return davis_palette().tobytes()


def image_size_hw(path: Path) -> tuple[int, int]:
    """Return height and width in pixels from a PNG or JPEG header, without decoding the image.

    Raises:
        DataError: If the file is missing or no image.
    """
    try:
        with Image.open(path) as image:
            return image.height, image.width
    except FileNotFoundError as error:
        raise png.missing(path) from error
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{path}: not a readable image; copy the file again") from error


def _read_stored_ids(path: Path) -> NDArray[np.uint8]:
    header = png.read_header(path)
    if header.colour_type not in (png.GRAY, png.PALETTE):
        raise DataError(
            f"{path}: holds {_COLOUR_NAMES.get(header.colour_type, 'unknown')} colours, not object "
            "ids; save the mask as a palette PNG whose pixel values are the ids"
        )
    if header.depth > 8:
        raise DataError(
            f"{path}: stores {header.depth} bits per pixel; renumber its objects to 1..255 and "
            "save it as an 8-bit palette PNG"
        )
    simple = header.depth == 8 and not header.interlaced
    id_map = _read_with_kornia(path) if simple else _read_with_pillow(path, header)
    return _binary_to_ids(id_map) if header.colour_type == png.GRAY else id_map


def _read_with_kornia(path: Path) -> NDArray[np.uint8]:
    try:
        # Returns palette indices, not colours, as Pillow does, in a sixth of the time.
        pixels: NDArray[np.uint8] = kornia_rs.io.read_image(str(path))[..., 0]
    except Exception as error:  # kornia_rs has no narrower type for its decoding errors
        raise png.damaged(path) from error
    return pixels


def _read_with_pillow(path: Path, header: png.PngHeader) -> NDArray[np.uint8]:
    content = path.read_bytes()
    png.check_complete(path, content)
    try:
        with Image.open(io.BytesIO(content)) as image:
            pixels: NDArray[np.uint8] = np.array(image, dtype=np.uint8)
            stretched = header.colour_type == png.GRAY and image.mode == "L"
    except (OSError, SyntaxError, ValueError) as error:
        raise png.damaged(path) from error
    # Pillow stretches short grayscale values to 0..255; the ids are what the file stores.
    if stretched:
        pixels //= np.uint8(255 // (2**header.depth - 1))
    return pixels


def _binary_to_ids(id_map: NDArray[np.uint8]) -> NDArray[np.uint8]:
    foreground: NDArray[np.bool_] = id_map == 255
    if foreground.any() and not id_map[~foreground].any():
        return foreground.astype(np.uint8)
    return id_map
