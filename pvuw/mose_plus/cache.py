"""Results kept from run to run: one line of JSON per video, appended the moment it is known."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pvuw.errors import DataError

_HEADER = b'{"format": "pvuw-mose-plus", "version": 1}'


class ResultCache:
    """A file of results by key, each valid for one fingerprint of its inputs.

    Lines are only ever appended, each in one write, so a process killed at any moment loses at most
    the line it was writing. A line that does not parse is such a line: its video is done again. Of
    several lines for a key the last one counts.

    Args:
        path: The file; it need not exist. None: nothing is kept.

    Raises:
        DataError: If the file exists but is something else.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._entries: dict[str, tuple[str, Any]] = {}
        self._descriptor: int | None = None
        if path is not None and path.exists():
            self._load(path)

    def get(self, key: str, fingerprint: str) -> Any | None:
        """Return the result stored for a key, None if there is none for this fingerprint."""
        stored_for, result = self._entries.get(key, ("", None))
        return result if stored_for == fingerprint else None

    def put(self, key: str, fingerprint: str, result: Mapping[str, Any]) -> None:
        """Store a result that JSON can hold; it is in the file when this returns."""
        self._entries[key] = (fingerprint, result)
        if self.path is not None:
            self._append({"key": key, "fingerprint": fingerprint, "result": result})

    def close(self) -> None:
        """Close the file; a later `put` opens it again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> "ResultCache":
        """Return the cache itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.close()

    def _append(self, entry: dict[str, Any]) -> None:
        if self._descriptor is None:
            self._descriptor = self._open()
        os.write(self._descriptor, json.dumps(entry, separators=(",", ":")).encode() + b"\n")

    def _open(self) -> int:
        assert self.path is not None
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        size = os.fstat(descriptor).st_size
        if not size:
            os.write(descriptor, _HEADER + b"\n")
        elif os.pread(descriptor, 1, size - 1) != b"\n":
            os.write(descriptor, b"\n")  # a torn line must not swallow the next one
        return descriptor

    def _load(self, path: Path) -> None:
        with path.open("rb") as file:
            # The first line, too, may have been torn.
            if not _HEADER.startswith(next(file, b"").rstrip(b"\n")):
                raise DataError(f"{path}: not a cache of pvuw; delete it or name another file")
            for line in file:
                entry = _parse(line)
                if entry.keys() >= {"key", "fingerprint", "result"}:
                    self._entries[entry["key"]] = (entry["fingerprint"], entry["result"])


def _parse(line: bytes) -> dict[str, Any]:
    """Return the object on a line; empty for a line cut off in the middle."""
    try:
        parsed = json.loads(line)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}
