"""Small id maps kept on disk between two looks at a video, so that large ones are read once."""

import tempfile
import threading
import weakref
import zlib
from collections.abc import Sequence

import numpy as np

from pvuw.errors import DataError
from pvuw.io.mask_store import IdMap

_LEVEL = 1  # of zlib: masks are runs, higher levels take longer and gain a few percent


def pack(maps: Sequence[IdMap | None]) -> list[bytes | None]:
    """Return id maps as they are kept; may be done in another thread."""
    return [None if m is None else zlib.compress(m.tobytes(), _LEVEL) for m in maps]


class Spool:
    """Id maps of one size by frame and member, in a file without a name that ends with the object.

    Frames are added in order by one thread; any thread may read.

    Args:
        size_hw: Height and width of every id map.

    Raises:
        DataError: If there is no place for temporary files.
    """

    def __init__(self, size_hw: tuple[int, int]) -> None:
        self.size_hw = size_hw
        self._where: list[list[tuple[int, int] | None]] = []
        self._end = 0
        try:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115
        except OSError as error:
            raise _full(error) from error
        weakref.finalize(self, self._file.close)
        self._turn = threading.Lock()

    def add(self, packed: Sequence[bytes | None]) -> None:
        """Add the next frame, each member's id map packed; None: no mask.

        Raises:
            DataError: If the disk is full.
        """
        places: list[tuple[int, int] | None] = []
        for content in packed:
            if content is None:
                places.append(None)
                continue
            places.append((self._end, len(content)))
            self._write(content)
        self._where.append(places)

    def read(self, position: int) -> list[IdMap | None]:
        """Return each member's id map, uint8 `[H, W]`; None: no mask."""
        return [None if place is None else self._read(*place) for place in self._where[position]]

    def _write(self, content: bytes) -> None:
        try:
            with self._turn:
                self._file.seek(self._end)
                self._end += self._file.write(content)
        except OSError as error:
            raise _full(error) from error

    def _read(self, start: int, length: int) -> IdMap:
        with self._turn:
            self._file.seek(start)
            content = self._file.read(length)
        return np.frombuffer(zlib.decompress(content), dtype=np.uint8).reshape(self.size_hw)


def _full(error: OSError) -> DataError:
    return DataError(
        f"{tempfile.gettempdir()}: cannot keep thinned-out masks ({error.strerror}); make room or "
        "set TMPDIR to another folder"
    )
