import struct
import zlib

import numpy as np
import pytest

# First column, first row, column step and row step of the seven passes (PNG specification 8.2).
ADAM7 = [
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
]


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def pack_rows(ids, depth):
    bits = ((ids[..., None] >> np.arange(depth - 1, -1, -1)) & 1).astype(np.uint8)
    rows = np.packbits(bits.reshape(ids.shape[0], -1), axis=1)
    return b"".join(b"\0" + row.tobytes() for row in rows)


@pytest.fixture
def png_writer():
    """Writes kinds of PNG that Pillow reads but cannot write."""

    def write(path, ids, *, depth, colour_type, interlaced=False):
        height, width = ids.shape
        passes = ADAM7 if interlaced else [(0, 0, 1, 1)]
        parts = [ids[y::dy, x::dx] for x, y, dx, dy in passes]
        data = b"".join(pack_rows(part, depth) for part in parts if part.size)
        header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, interlaced)
        palette = chunk(b"PLTE", bytes(range(256)) * 3) if colour_type == 3 else b""
        path.write_bytes(
            b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", header)
            + palette
            + chunk(b"IDAT", zlib.compress(data))
            + chunk(b"IEND", b"")
        )

    return write
