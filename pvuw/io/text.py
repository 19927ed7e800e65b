"""Text files as editors and systems write them: the one reader of lists, JSON and settings.

UTF-8 with or without a byte order mark, and UTF-16 with one (PowerShell's `>`); lines end in LF,
CRLF or CR. Anything else is refused with the place of the first byte that does not fit.
"""

import codecs
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from pvuw.errors import DataError

_LINE_END = re.compile(r"\r\n|\r|\n")
_COMMENT = re.compile(r"(?:^|\s)#.*$")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_text(path: Path, *, what: str = "a text file") -> str:
    """Return what a text file says, without its byte order mark.

    Args:
        path: The file.
        what: What it should be, for errors: "a list of videos, one id a line".

    Raises:
        DataError: If it is missing, may not be read, or is no text.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file; it should be {what}") from error
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror}); it should be {what}"
        ) from error
    return decode_text(content, place=str(path), what=what)


def decode_text(content: bytes, *, place: str, what: str = "a text file") -> str:
    r"""Return bytes as text, by the rules of this module.

    Raises:
        DataError: If they are no text.

    Example:
        >>> decode_text(b"\xef\xbb\xbfone", place="list.txt")
        'one'
    """
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{place}: not UTF-8 from byte {error.start} on; it should be {what}, save it as UTF-8"
        ) from error
    if "\0" in text:
        raise DataError(f"{place}: holds zero bytes, so it is no text; it should be {what}")
    return text


def read_ids(path: Path) -> list[str]:
    """Return the ids a list names, one a line, in its order.

    Blank lines, blanks around an id and comments (`#` at the start of a line or after a blank) do
    not count; nor does what listing folders adds, `./` before and a slash behind.

    Raises:
        DataError: If the file is missing, no text, or names nothing.
    """
    text = read_text(path, what="a list of videos, one id a line")
    ids = [plain_id(_COMMENT.sub("", line)) for line in _LINE_END.split(text)]
    if not any(ids):
        raise DataError(f"{path}: names no video; write one video id a line")
    return [video_id for video_id in ids if video_id]


def plain_id(written: str) -> str:
    """Return a video id without blanks around it and without what listing folders adds.

    Example:
        >>> plain_id(" ./eval01/ "), plain_id("a b")
        ('eval01', 'a b')
    """
    name = written.strip()
    while name.startswith(("./", ".\\")):
        name = name[2:]
    return name.rstrip("/\\").rstrip()


def read_json(path: Path, *, what: str = "a JSON file", unique: bool = False) -> Any:
    """Return the content of a small JSON file.

    Args:
        path: The file.
        what: What it should be, for errors.
        unique: Refuse a key that stands twice in one object; else the last one counts.

    Raises:
        DataError: If it is missing, may not be read, or is no JSON.
    """
    text = read_text(path, what=what)
    return parse_json(text, place=str(path), what=what, unique=unique)


def parse_json(text: str, *, place: str, what: str = "a JSON file", unique: bool = False) -> Any:
    """Return what JSON text holds; arguments as of `read_json`.

    Raises:
        DataError: If it is no JSON; also where it is nested too deeply to be read.
    """

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            twice = next(key for key, count in Counter(k for k, _ in pairs).items() if count > 1)
            near = ", ".join(list(found)[:3])
            raise DataError(
                f"{place}: key {twice!r} stands twice in one object (beside {near}); give one of "
                "them another name"
            )
        return found

    try:
        return json.loads(text, object_pairs_hook=members if unique else None)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{place}: not JSON ({error}); it should be {what}") from error
