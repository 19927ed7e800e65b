"""Id maps in PNG files: reading what is stored, writing the DAVIS palette. Imports no torch."""

from pathlib import Path

import kornia_rs
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pvuw.errors import DataError
from pvuw.io.atomic import atomic_path

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GRAY, _PALETTE = 0, 3
_COLOUR_NAMES = {2: "RGB", 4: "grayscale with alpha", 6: "RGB with alpha"}


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
    image.putpalette(davis_palette().tobytes())
    with atomic_path(path) as temporary:
        image.save(temporary, format="PNG")


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


def image_size_hw(path: Path) -> tuple[int, int]:
    """Return height and width in pixels from a PNG or JPEG header, without decoding the image.

    Raises:
        DataError: If the file is missing or no image.
    """
    try:
        with Image.open(path) as image:
            return image.height, image.width
    except FileNotFoundError as error:
        raise _missing(path) from error
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{path}: not a readable image; copy the file again") from error


def _read_stored_ids(path: Path) -> NDArray[np.uint8]:
    depth, colour_type, interlaced = _png_header(path)
    if colour_type not in (_GRAY, _PALETTE):
        raise DataError(
            f"{path}: holds {_COLOUR_NAMES.get(colour_type, 'unknown')} colours, not object ids; "
            "save the mask as a palette PNG whose pixel values are the ids"
        )
    if depth > 8:
        raise DataError(
            f"{path}: stores {depth} bits per pixel; renumber its objects to 1..255 and save it "
            "as an 8-bit palette PNG"
        )
    if depth < 8 or interlaced:
        return _read_with_pillow(path, depth=depth, colour_type=colour_type)
    id_map = _read_with_kornia(path)
    return _binary_to_ids(id_map) if colour_type == _GRAY else id_map


def _png_header(path: Path) -> tuple[int, int, bool]:
    """Return bit depth, colour type and whether the rows are interlaced."""
    try:
        with path.open("rb") as file:
            header = file.read(29)
    except FileNotFoundError as error:
        raise _missing(path) from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    if header[:8] != _SIGNATURE:
        raise DataError(f"{path}: not a PNG file; masks must be PNG, which keeps ids exact")
    if len(header) < 29:
        raise _damaged(path)
    return header[24], header[25], header[28] != 0


def _read_with_kornia(path: Path) -> NDArray[np.uint8]:
    try:
        # Returns palette indices, not colours, as Pillow does, in a sixth of the time.
        pixels: NDArray[np.uint8] = kornia_rs.io.read_image(str(path))
    except Exception as error:  # kornia_rs has no narrower type for its decoding errors
        raise _damaged(path) from error
    return pixels[..., 0]


def _read_with_pillow(path: Path, *, depth: int, colour_type: int) -> NDArray[np.uint8]:
    try:
        with Image.open(path) as image:
            pixels = np.array(image, dtype=np.uint8)
            is_bool = image.mode == "1"
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise _damaged(path) from error
    if colour_type == _GRAY and depth == 8:
        return _binary_to_ids(pixels)
    if colour_type == _GRAY and not is_bool:
        # Pillow stretches short grayscale values to 0..255; the ids are what the file stores.
        pixels //= np.uint8(255 // (2**depth - 1))
    return pixels


def _binary_to_ids(id_map: NDArray[np.uint8]) -> NDArray[np.uint8]:
    foreground = id_map == 255
    if foreground.any() and not id_map[~foreground].any():
        return foreground.astype(np.uint8)
    return id_map


def _missing(path: Path) -> DataError:
    return DataError(f"{path}: no such file; check the folder and the file's name")


def _damaged(path: Path) -> DataError:
    return DataError(f"{path}: truncated or damaged PNG; copy or export the file again")
