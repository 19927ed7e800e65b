"""Id maps in PNG files: reading what is stored, writing the DAVIS palette. Imports no torch."""

import functools
import io
import warnings
import zlib
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

import kornia_rs
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pvuw.errors import DataError
from pvuw.io import png
from pvuw.io.atomic import atomic_path
from pvuw.io.pictures import read_header

Pixel = TypeVar("Pixel", bound=np.generic)
VoidId = int | Literal["auto"] | None
"""Which value means "no ground truth here"; see `read_mask`."""
AUTO: Literal["auto"] = "auto"
_COLOUR_NAMES = {
    png.RGB: "RGB",
    png.GRAY_ALPHA: "grayscale with alpha",
    png.RGB_ALPHA: "RGB with alpha",
}


class Mask(NamedTuple):
    """What a mask file says of every pixel."""

    ids: NDArray[np.uint8]
    """Object id, uint8 `[H, W]`; 0 is background, and void."""
    void: NDArray[np.bool_] | None
    """Pixels without ground truth, bool `[H, W]`; None where there are none."""

    def fitted(
        self, size_hw: tuple[int, int], *, place: str, warned_of: str | None = None
    ) -> "Mask":
        """Return the mask at the size of its image, by the rules of `fit_mask`."""
        ids = fit_mask(self.ids, size_hw, place=place, warned_of=warned_of)
        return Mask(ids, None if self.void is None else _nearest(self.void, size_hw))


def read_mask(path: Path, *, void_id: VoidId = AUTO) -> Mask:
    """Return ids and void pixels of a mask file.

    Palette and grayscale PNGs of up to 8 bits are accepted; the value a file stores is the id.
    255 is the one value that data sets disagree on:

    - `AUTO`: pixels without ground truth, as in DAVIS 2017. An 8-bit grayscale mask that holds
      nothing but 0 and 255 is a foreground mask as in DAVIS 2016: its 255 is object 1.
    - a number: pixels of this value are without ground truth, in every mask; 255 is otherwise an
      object, but for the foreground masks above.
    - None: no pixel is without ground truth; 255 is an object, but for the foreground masks above.

    Args:
        path: A PNG file.
        void_id: The rule for this data set.

    Raises:
        DataError: If the file is missing, damaged, not a PNG, or holds colours instead of ids; or
            both 254 and 255 under `AUTO`, which no data set's void does.
    """
    stored, is_gray = _read_stored(path)
    is_foreground = is_gray and void_id != 255 and _is_foreground(stored)
    if is_foreground:
        return Mask((stored == 255).view(np.uint8), None)
    value = 255 if void_id == AUTO else void_id
    # Most masks have none; the maximum tells in a tenth of the time of a comparison.
    if value is None or (value == 255 and stored.max(initial=0) < 255):
        return Mask(stored, None)
    void = stored == value
    if void_id == AUTO and (stored == 254).any():
        raise DataError(
            f"{path}: holds both 254 and 255, so 255 may be void or an object, or the mask was "
            "smoothed; set the void id to 255 or to none, or save the mask without smoothing"
        )
    return Mask(np.where(void, np.uint8(0), stored), void) if void.any() else Mask(stored, None)


def read_id_map(path: Path, *, void_id: VoidId = None) -> NDArray[np.uint8]:
    """Return the object id of every pixel, uint8 `[H, W]`; as the file stores it, void as 0.

    Args:
        path: A PNG file.
        void_id: As for `read_mask`. None, which is right for predictions: nothing is void.

    Raises:
        DataError: As `read_mask`.
    """
    return read_mask(path, void_id=void_id).ids


def fit_mask(
    mask: NDArray[Pixel], size_hw: tuple[int, int], *, place: str, warned_of: str | None = None
) -> NDArray[Pixel]:
    """Return a mask or id map at the size of its image, `[H, W]`; warns if that changes it.

    A mask that lies where its image stands was drawn on another picture; it is refused.

    Each pixel takes the value of the stored pixel its centre falls into (torch's `nearest-exact`).

    Args:
        mask: `[h, w]`, any type.
        size_hw: Size of the image.
        place: File or frame, for errors.
        warned_of: What the warning names instead, so that Python, which shows a text once, shows it
            once for a video.

    Raises:
        DataError: If one is wider than high and the other higher than wide.
    """
    if mask.shape == size_hw:
        return mask
    if (mask.shape[0] - mask.shape[1]) * (size_hw[0] - size_hw[1]) < 0:
        raise DataError(
            f"{place}: the mask is {mask.shape[1]}x{mask.shape[0]}, its image {size_hw[1]}x"
            f"{size_hw[0]}, so it was drawn on another or a turned one; draw it on this image"
        )
    warnings.warn(
        f"{warned_of or place}: masks are {mask.shape[1]}x{mask.shape[0]}, the image {size_hw[1]}x"
        f"{size_hw[0]}; resized to the image (nearest), use the images the masks were made for to "
        "be exact",
        stacklevel=2,
    )
    return _nearest(mask, size_hw)


def resize_id_map(id_map: NDArray[np.uint8], size_hw: tuple[int, int]) -> NDArray[np.uint8]:
    """Return an id map, uint8 `[h, w]`, at another size: each pixel takes the nearest id.

    Example:
        >>> resize_id_map(np.array([[1, 2], [3, 4]], dtype=np.uint8), (1, 4)).tolist()
        [[3, 3, 4, 4]]
    """
    if id_map.shape == size_hw:
        return id_map
    import cv2  # here, since most who read masks do without

    width_height = (size_hw[1], size_hw[0])
    resized = cv2.resize(id_map, width_height, interpolation=cv2.INTER_NEAREST_EXACT)
    return np.asarray(resized, dtype=np.uint8)


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
    """Return height and width of a PNG or JPEG, without decoding it.

    Raises:
        DataError: If the file is missing or no such picture.
    """
    return read_header(path).size_hw


def _read_stored(path: Path) -> tuple[NDArray[np.uint8], bool]:
    """Return the values a file stores, and whether it is grayscale."""
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
    stored = _read_with_kornia(path) if simple else _read_with_pillow(path, header)
    return stored, header.colour_type == png.GRAY


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


def _is_foreground(stored: NDArray[np.uint8]) -> bool:
    """Return whether there is nothing but 0 and 255, and some of the latter."""
    # Counting twice is several times as fast as looking at the other pixels by themselves.
    foreground = int(np.count_nonzero(stored == 255))
    return foreground > 0 and foreground == int(np.count_nonzero(stored))


def _nearest(mask: NDArray[Pixel], size_hw: tuple[int, int]) -> NDArray[Pixel]:
    rows, columns = (
        (2 * np.arange(new) + 1) * old // (2 * new)
        for old, new in zip(mask.shape, size_hw, strict=True)
    )
    return mask[np.ix_(rows, columns)]
