"""Large annotation files: walked once, element by element, and read again by byte range.

The JSON files of OVIS, YouTube-VIS and BURST take gigabytes as Python objects. Here one element at
a time is parsed; a record keeps the byte range of its annotations and reads just those when asked.
"""

import codecs
import functools
import hashlib
import json
import os
from collections.abc import Collection, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from pvuw.errors import DataError

Span = tuple[int, int]
_SPACE = " \t\r\n"
_DECODER = json.JSONDecoder()
_CHUNK = 2**22
"""Bytes read at a time; an element longer than that is held whole all the same."""
_HEAD = 2**16
_MARK = codecs.BOM_UTF8.decode("latin-1")  # before what Windows editors save as UTF-8


@dataclass(frozen=True, slots=True)
class JsonFile:
    """A JSON file as it was when it was listed; byte ranges into it hold for that state only."""

    path: Path
    num_bytes: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path) -> "JsonFile":
        """Return the file in its present state.

        Raises:
            DataError: If it does not exist.
        """
        try:
            status = path.stat()
        except OSError as error:
            raise DataError(f"{path}: no such file; check root and split") from error
        return cls(path, status.st_size, status.st_mtime_ns)

    def head(self) -> str:
        """Return a digest of the first bytes: a file put in place with the time of another one.

        Raises:
            DataError: If it cannot be read.
        """
        try:
            with self.path.open("rb") as file:
                return hashlib.blake2b(file.read(_HEAD), digest_size=8).hexdigest()
        except OSError as error:
            raise DataError(f"{self.path}: cannot be read ({error.strerror})") from error

    def read(self, spans: Sequence[Span]) -> tuple[Any, ...]:
        """Return the values stored in byte ranges that `elements` gave.

        Raises:
            DataError: If the file has changed or is gone.
        """
        try:
            with self.path.open("rb") as file:
                status = os.fstat(file.fileno())
                if (status.st_size, status.st_mtime_ns) != (self.num_bytes, self.mtime_ns):
                    raise DataError(f"{self.path}: changed since it was listed; list it again")
                values = []
                for start, end in spans:
                    file.seek(start)
                    values.append(json.loads(file.read(end - start)))
                return tuple(values)
        except OSError as error:
            raise DataError(f"{self.path}: cannot be read any more; put the file back") from error

    def elements(self, arrays: Collection[str]) -> Iterator[tuple[str, Any, Span]]:
        """Yield what the top-level object holds: key, value, byte range of the value.

        An array named in `arrays` is never held whole: each of its elements comes singly, under the
        array's key. Other values come as they are.

        Raises:
            DataError: If the file is not one JSON object in UTF-8.
        """
        try:
            with self.path.open("rb") as file:
                yield from _walk(_Text(file), frozenset(arrays))
        except (ValueError, RecursionError) as error:  # empty, damaged, no UTF-8, nested too deep
            raise DataError(
                f"{self.path}: not a complete JSON object ({error}); download the file again"
            ) from error


@functools.lru_cache(maxsize=8)
def read_cached(file: JsonFile, spans: tuple[Span, ...]) -> tuple[Any, ...]:
    """Return `file.read(spans)`; frames of a video are asked for one after the other."""
    return file.read(spans)


@contextmanager
def of_the_format(place: str) -> Iterator[None]:
    """Turn what parts of another kind than the format has do to a reader into one line.

    Args:
        place: File and element, for the error.

    Raises:
        DataError: If the block stumbles over a part that is missing or of another type.
    """
    try:
        yield
    except (AttributeError, LookupError, TypeError, ValueError, OverflowError) as error:
        raise DataError(
            f"{place}: not as the format says ({type(error).__name__}: {error}); use the official "
            "file"
        ) from error


def member(value: Any, key: str, *, place: str, kind: type | tuple[type, ...]) -> Any:
    """Return `value[key]`, checked to be of a type.

    Args:
        value: A parsed JSON object.
        key: Name of the member.
        place: File and element, for the error.
        kind: Accepted type or types.

    Raises:
        DataError: If `value` is no object, has no such member, or one of another type.
    """
    found = value.get(key) if isinstance(value, dict) else None
    if not isinstance(found, kind):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        names = " or ".join(k.__name__ for k in kinds)
        raise DataError(
            f"{place}: {key!r} must be {names}, got {type(found).__name__}; use the official file"
        )
    return found


class _Text:
    """A file's text by position, one character a byte, of which a part at a time is held.

    Positions in the text are positions in the file. What is not ASCII is parsed from its bytes.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._held, self._start, self._ended = "", 0, False

    def at(self, position: int) -> str:
        """Return a character; nothing behind the end."""
        while position - self._start >= len(self._held) and not self._ended:
            self._read_on(position)
        return self._held[position - self._start : position - self._start + 1]

    def skip(self, position: int) -> int:
        """Return the next position without white space."""
        while self.at(position) in _SPACE and self.at(position):
            position += 1
        return position

    def expect(self, position: int, character: str) -> int:
        """Return the position behind a character and the white space after it."""
        if self.at(position) != character:
            raise ValueError(f"expected {character!r} at byte {position}")
        return self.skip(position + 1)

    def value(self, position: int) -> tuple[Any, int]:
        """Return the value that begins at a position, and the position behind it."""
        self.at(position)
        while True:
            here = position - self._start
            try:
                value, end = _DECODER.raw_decode(self._held, here)
            except json.JSONDecodeError as error:
                if self._ended:
                    place = self._start + error.pos
                    raise ValueError(f"{error.msg} at byte {place}") from error
            else:
                # A number may go on in what was not read yet.
                if self._ended or (end < len(self._held) and self._held[end] not in ".eE"):
                    raw = self._held[here:end]
                    ascii_only = raw.isascii()
                    value = value if ascii_only else json.loads(raw.encode("latin-1"))
                    return value, self._start + end
            self._read_on(position)

    def _read_on(self, position: int) -> None:
        """Forget what lies before a position and hold more behind it."""
        self._held = self._held[position - self._start :]
        self._start = position
        more = self._file.read(max(_CHUNK, len(self._held)))
        self._ended = not more
        self._held += more.decode("latin-1")


def _walk(text: _Text, arrays: frozenset[str]) -> Iterator[tuple[str, Any, Span]]:
    marked = all(text.at(i) == mark for i, mark in enumerate(_MARK))
    position = text.expect(text.skip(len(_MARK) if marked else 0), "{")
    more = text.at(position) != "}"
    while more:
        key, position = text.value(position)
        position = text.expect(text.skip(position), ":")
        if key in arrays and text.at(position) == "[":
            position = yield from _walk_array(text, position, key)
        else:
            value, end = text.value(position)
            yield key, value, (position, end)
            position = text.skip(end)
        position, more = _after_element(text, position, "}")


def _walk_array(
    text: _Text, position: int, key: str
) -> Generator[tuple[str, Any, Span], None, int]:
    """Yield the elements of an array; the generator's return value is the position behind it."""
    position = text.expect(position, "[")
    more = text.at(position) != "]"
    if not more:
        return text.skip(position + 1)
    while more:
        value, end = text.value(position)
        yield key, value, (position, end)
        position, more = _after_element(text, text.skip(end), "]")
    return position


def _after_element(text: _Text, position: int, closing: str) -> tuple[int, bool]:
    """Return the position behind the comma or closing bracket, and whether another one follows."""
    if text.at(position) == closing:
        return text.skip(position + 1), False
    return text.expect(position, ","), True
