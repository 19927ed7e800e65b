"""Files that appear whole or not at all."""

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LONGEST_NAME = 255  # bytes, on nearly all file systems


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder that becomes `path` when the block succeeds.

    Missing parent folders are created. On any error, Ctrl-C included, the temporary file is removed
    and an older `path` stays as it was.

    Args:
        path: Where the finished file shall be.

    Yields:
        A path nobody else writes to. It ends in `.tmp`, so writers that guess the format from the
        suffix must be told the format.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> with atomic_path(folder / "a" / "note.txt") as temporary:
        ...     _ = temporary.write_text("done")
        >>> [file.name for file in (folder / "a").iterdir()]
        ['note.txt']
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # The leading dot keeps what a killed process leaves behind out of every folder listing of ours.
    temporary = path.with_name(
        hidden_name(path.name, f".{os.getpid()}-{threading.get_ident()}.tmp")
    )
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def hidden_name(name: str, ending: str) -> str:
    """Return the name of something unfinished: `.` before, an ending behind.

    Where that is longer than file systems take, a digest stands for the end of the name.

    Example:
        >>> hidden_name("00000.png", ".tmp"), len(hidden_name(250 * "n", ".tmp"))
        ('.00000.png.tmp', 255)
    """
    room = _LONGEST_NAME - len(f".{ending}")
    encoded = os.fsencode(name)
    if len(encoded) <= room:
        return f".{name}{ending}"
    digest = hashlib.sha256(encoded).hexdigest()[:16]
    kept = encoded[: room - len(digest)].decode("utf-8", "ignore")
    return f".{kept}{digest}{ending}"


def write_bytes_atomic(path: Path, content: bytes) -> None:
    """Write `content` to `path` so that no reader ever sees a part of it."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_text_atomic(path: Path, content: str) -> None:
    """Write `content` as UTF-8 to `path` so that no reader ever sees a part of it."""
    write_bytes_atomic(path, content.encode())
