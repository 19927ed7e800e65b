"""Large annotation files: walked once, element by element, and read again by byte range.

The JSON files of OVIS, YouTube-VIS and BURST take gigabytes as Python objects. Here one element at
a time is parsed; a record keeps the byte range of its annotations and reads just those when asked.
"""

import codecs
import functools
import json
import os
import re
from collections.abc import Collection, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

from pvuw.errors import DataError

Span = tuple[int, int]
_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()
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
        # One character a byte: positions in the text are positions in the file. Whatever is not
        # ASCII is parsed a second time from its own bytes.
        try:
            # Mapped, so that the file is not held as bytes and as text at the same time.
            with (
                self.path.open("rb") as file,
                mmap(file.fileno(), 0, access=ACCESS_READ) as content,
            ):
                text = str(content, "latin-1")
            yield from _walk(text, frozenset(arrays))
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


def _walk(text: str, arrays: frozenset[str]) -> Iterator[tuple[str, Any, Span]]:
    position = _expect(text, _skip(text, len(_MARK) if text.startswith(_MARK) else 0), "{")
    more = text[position : position + 1] != "}"
    while more:
        key, position = _value(text, position)
        position = _expect(text, _skip(text, position), ":")
        if key in arrays and text[position : position + 1] == "[":
            position = yield from _walk_array(text, position, key)
        else:
            value, end = _value(text, position)
            yield key, value, (position, end)
            position = _skip(text, end)
        position, more = _after_element(text, position, "}")


def _walk_array(text: str, position: int, key: str) -> Generator[tuple[str, Any, Span], None, int]:
    """Yield the elements of an array; the generator's return value is the position behind it."""
    position = _expect(text, position, "[")
    more = text[position : position + 1] != "]"
    if not more:
        return _skip(text, position + 1)
    while more:
        value, end = _value(text, position)
        yield key, value, (position, end)
        position, more = _after_element(text, _skip(text, end), "]")
    return position


def _after_element(text: str, position: int, closing: str) -> tuple[int, bool]:
    """Return the position behind the comma or closing bracket, and whether another one follows."""
    if text[position : position + 1] == closing:
        return _skip(text, position + 1), False
    return _expect(text, position, ","), True


def _expect(text: str, position: int, character: str) -> int:
    if text[position : position + 1] != character:
        raise json.JSONDecodeError(f"expected {character!r}", text, position)
    return _skip(text, position + 1)


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    assert match is not None
    return match.end()


def _value(text: str, position: int) -> tuple[Any, int]:
    value, end = _DECODER.raw_decode(text, position)
    if text.isascii():  # known without a look at the characters
        return value, end
    raw = text[position:end]
    return (value if raw.isascii() else json.loads(raw.encode("latin-1"))), end
