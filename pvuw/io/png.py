"""What a PNG file says about itself, and whether all of it is there. Imports no torch."""

import struct
import zlib
from pathlib import Path
from typing import NamedTuple

from pvuw.errors import DataError
from pvuw.io.folder import missing_reason

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GRAY, RGB, PALETTE, GRAY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6
_HEADER_BYTES = 29
MAX_PIXELS = 2**27
"""Most pixels of a picture, 16384x8192: a damaged header must not ask for all memory. Pillow raises
something of its own from 1.8e8 on."""


class PngHeader(NamedTuple):
    """How the pixels of a PNG file are stored."""

    depth: int
    """Bits per channel: 1, 2, 4, 8 or 16."""
    colour_type: int
    """One of `GRAY`, `RGB`, `PALETTE`, `GRAY_ALPHA`, `RGB_ALPHA`."""
    interlaced: bool
    size_hw: tuple[int, int]


def parse_header(path: Path, content: bytes) -> PngHeader:
    """Return how pixels are stored, from the first bytes of the file.

    Args:
        path: Named in errors.
        content: The file's first 29 bytes, or more.

    Raises:
        DataError: If this is no PNG or ends inside the header.
    """
    if content[:8] != SIGNATURE:
        raise DataError(f"{path}: not a PNG file; masks must be PNG, which keeps ids exact")
    if len(content) < _HEADER_BYTES:
        raise damaged(path)
    width, height = struct.unpack_from(">II", content, 16)
    if not 0 < width * height <= MAX_PIXELS:
        raise DataError(
            f"{path}: says it is {width}x{height} pixels; copy or export the file again"
        )
    return PngHeader(content[24], content[25], content[28] != 0, (height, width))


def read_header(path: Path) -> PngHeader:
    """Return how the pixels of a file are stored, reading 29 bytes of it.

    Raises:
        DataError: If the file is missing, unreadable or no PNG.
    """
    try:
        with path.open("rb") as file:
            return parse_header(path, file.read(_HEADER_BYTES))
    except FileNotFoundError as error:
        raise missing(path) from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check its rights") from error


def check_complete(path: Path, content: bytes) -> None:
    """Return nothing if every chunk of a PNG is there and matches its checksum.

    Pillow shows a PNG with damaged or missing pixels without a word as long as it has enough bytes
    to fill the image; a decoder that trusts the checksums needs no such check.

    Args:
        path: Named in errors.
        content: The whole file.

    Raises:
        DataError: If the file is truncated or damaged.
    """
    position = len(SIGNATURE)
    while position + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, position)
        end = position + 8 + length
        kind_and_data = content[position + 4 : end]
        if content[end : end + 4] != zlib.crc32(kind_and_data).to_bytes(4, "big"):
            raise damaged(path)
        if kind_and_data[:4] == b"IEND":
            return
        position = end + 4
    raise damaged(path)


def missing(path: Path) -> DataError:
    """Return the error for a file that does not exist."""
    reason = missing_reason(path, "no such file")
    return DataError(f"{path}: {reason}; check the folder and the file's name")


def damaged(path: Path) -> DataError:
    """Return the error for a PNG that cannot be trusted."""
    return DataError(f"{path}: truncated or damaged PNG; copy or export the file again")
