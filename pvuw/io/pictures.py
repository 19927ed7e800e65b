"""Pictures as cameras and tools write them: the one reader of their headers and, by Pillow, pixels.

A picture that is to be shown otherwise than it is stored (EXIF orientation) is refused: whether its
mask was drawn on what viewers show or on what is stored, no one can tell from the files. What a
file is gets decided by its first bytes, not by its name. No torch.
"""

import io
import struct
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple

from PIL import Image

from pvuw.errors import DataError
from pvuw.io import png

JPEG_START = b"\xff\xd8"
_ORIENTATION = 0x0112
_WHOLE_NUMBERS = {3: "H", 4: "I"}
"""EXIF types that occur, as `struct` names them; the first is the one the standard has."""
# Start-of-frame markers carry the size; of the numbers between them C4, C8 and CC are other things.
_SIZE_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BARE_MARKERS = frozenset({0x01, *range(0xD0, 0xD9)})  # without a length
_AGAIN = "copy or export the frame again"


class PictureHeader(NamedTuple):
    """What a picture says about itself before its pixels."""

    kind: Literal["JPEG", "PNG"]
    size_hw: tuple[int, int]
    """Height and width, pixels."""
    orientation: int
    """How viewers turn it, 1..8 as in EXIF; 1: as stored."""


def read_header(path: Path) -> PictureHeader:
    """Return what a picture file says about itself, without decoding it.

    Raises:
        DataError: If it is missing, unreadable, damaged, too large, to be turned, or neither
            JPEG nor PNG.
    """
    try:
        with path.open("rb") as file:
            return parse_header(path, file)
    except FileNotFoundError as error:
        raise png.missing(path) from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check its rights") from error


def parse_header(path: Path, file: BinaryIO) -> PictureHeader:
    """Return what the beginning of a picture says; moves the file's position.

    Args:
        path: Named in errors.
        file: The picture's content from its first byte.

    Raises:
        DataError: As `read_header`.
    """
    start = file.read(8)
    if start == png.SIGNATURE:
        header = _png_header(path, file)
    elif start.startswith(JPEG_START):
        file.seek(2)
        header = _jpeg_header(path, file)
    else:
        what = "neither JPEG nor PNG" if start else "empty file"
        raise DataError(f"{path}: {what}, starts with {start!r}; {_AGAIN}")
    height, width = header.size_hw
    if not 0 < height * width <= png.MAX_PIXELS:
        raise DataError(f"{path}: says it is {width}x{height} pixels; {_AGAIN}")
    if header.orientation != 1:
        raise DataError(
            f"{path}: viewers show it turned or mirrored (EXIF orientation {header.orientation}); "
            "if masks are drawn on what they show, turn the pixels (mogrify -auto-orient), if on "
            "what is stored, remove the tag (exiftool -Orientation=)"
        )
    return header


def read_picture(
    path: Path, mode: Literal["L", "RGB"] = "RGB", *, min_wh: tuple[int, int] | None = None
) -> Image.Image:
    """Return a picture, grey or in colour.

    Grayscale and palette pictures become RGB, alpha is dropped.

    Args:
        path: A JPEG or PNG file.
        mode: Grey or colour.
        min_wh: Width and height that will do: a JPEG is then decoded at a half, a quarter
            or an eighth of its size where both sides stay at least that, in a fraction of the time.

    Raises:
        DataError: If the file is missing, truncated, damaged, to be turned, no JPEG or PNG, an
            animation, or has more than 8 bits per channel.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise png.missing(path) from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check its rights") from error
    return decode_picture(path, content, mode, min_wh=min_wh)


def decode_picture(
    path: Path, content: bytes, mode: Literal["L", "RGB"] = "RGB", *, min_wh: Any = None
) -> Image.Image:
    """Return the picture that bytes hold, as `read_picture` does.

    Raises:
        DataError: As `read_picture`.
    """
    header = parse_header(path, io.BytesIO(content))
    if header.kind == "PNG":
        # Pillow shows damaged PNGs without a word.
        png.check_complete(path, content)
        depth = png.parse_header(path, content).depth
        if depth > 8:
            raise DataError(f"{path}: has {depth} bits per channel; export the frame as 8-bit")
    try:
        with Image.open(io.BytesIO(content), formats=[header.kind]) as image:
            if min_wh is not None:
                image.draft(mode, min_wh)
            if image.mode == "P" and image.palette is None:
                raise ValueError("numbers of colours, and no palette")
            return image.convert(mode)
    except (OSError, SyntaxError, ValueError, struct.error) as error:
        raise DataError(f"{path}: truncated or damaged {header.kind}; {_AGAIN}") from error


def _png_header(path: Path, file: BinaryIO) -> PictureHeader:
    size_hw: tuple[int, int] | None = None
    orientation = 1
    while len(start := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", start)
        if kind == b"IHDR":
            data = file.read(min(length, 13))
            if len(data) < 13:
                break
            width, height = struct.unpack_from(">II", data)
            size_hw = (height, width)
            file.seek(length - 13 + 4, io.SEEK_CUR)
        elif kind == b"acTL":
            raise DataError(f"{path}: an animation of several pictures; export its frames")
        elif kind == b"eXIf":
            orientation = _orientation(file.read(length))
            file.seek(4, io.SEEK_CUR)
        else:
            file.seek(length + 4, io.SEEK_CUR)
    if size_hw is None:  # a file cut off later still has a size; decoding it says what is wrong
        raise png.damaged(path)
    return PictureHeader("PNG", size_hw, orientation)


def _jpeg_header(path: Path, file: BinaryIO) -> PictureHeader:
    orientation = 1
    while (marker := _next_marker(file)) is not None:
        if marker in _BARE_MARKERS:
            continue
        data = _segment(file)
        if data is None or marker in (0xD9, 0xDA):
            break
        if marker == 0xE1 and data.startswith(b"Exif\0\0"):
            orientation = _orientation(data[6:])
        elif marker in _SIZE_MARKERS and len(data) >= 5:
            height, width = struct.unpack_from(">HH", data, 1)
            return PictureHeader("JPEG", (height, width), orientation)
    raise DataError(f"{path}: truncated or damaged JPEG; {_AGAIN}")


def _next_marker(file: BinaryIO) -> int | None:
    """Return the code of the next marker; any number of FF may stand before it."""
    if file.read(1) != b"\xff":
        return None
    while (code := file.read(1)) == b"\xff":
        pass
    return code[0] if code else None


def _segment(file: BinaryIO) -> bytes | None:
    """Return the data of the segment that begins here, or None if it is cut off."""
    size = file.read(2)
    if len(size) < 2 or (length := int.from_bytes(size, "big")) < 2:
        return None
    data = file.read(length - 2)
    return data if len(data) == length - 2 else None


def _orientation(tiff: bytes) -> int:
    """Return the orientation an EXIF block names; 1 where it names none that viewers follow."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None or len(tiff) < 8:
        return 1
    (start,) = struct.unpack_from(f"{order}I", tiff, 4)
    if start + 2 > len(tiff):
        return 1
    (entries,) = struct.unpack_from(f"{order}H", tiff, start)
    for at in range(start + 2, min(start + 2 + 12 * entries, len(tiff) - 11), 12):
        tag, kind, count = struct.unpack_from(f"{order}HHI", tiff, at)
        if tag == _ORIENTATION and kind in _WHOLE_NUMBERS and count == 1:
            (value,) = struct.unpack_from(order + _WHOLE_NUMBERS[kind], tiff, at + 8)
            return int(value) if 1 <= value <= 8 else 1
    return 1
