"""What something was made from, as a short text that changes when its inputs may have."""

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

_NO_PART_IN_MASKS = ("loss", "optim", "seed", "protocol", "val_resolution")


def recipe_fingerprint(
    model: Mapping[str, Any], *, checkpoint: Path | None, precision: str | int | None
) -> str:
    """Return a SHA-256 over what decides the masks: the model's settings and its weight files.

    Args:
        model: The `model` section of a resolved recipe, plain values only. What only training and
            scoring read does not count. Files of weights count by content, at any depth of it;
            where they lie does not count.
        checkpoint: The trained weights, by content.
        precision: Number format the network runs in.

    Raises:
        OSError: If a file cannot be read.
    """
    settings = {k: v for k, v in model.get("init_args", {}).items() if k not in _NO_PART_IN_MASKS}
    trained = None if checkpoint is None else file_sha256(checkpoint)
    parts = [model.get("class_path"), _by_content(settings), trained, precision]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _by_content(settings: Any, name: str = "") -> Any:
    """Settings with the content's digest in place of each file of weights."""
    if isinstance(settings, Mapping):
        return {key: _by_content(value, key) for key, value in settings.items()}
    if isinstance(settings, list):
        return [_by_content(value) for value in settings]
    if name == "weights" and isinstance(settings, str) and Path(settings).is_file():
        return file_sha256(Path(settings))
    return settings


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content, 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint(*inputs: Any) -> str:
    """Return a digest of values and of the files they name, 20 hexadecimal digits.

    Files count by name, size and time of last change, folders by all files below them; where they
    lie does not count, so a moved data set stays known. Values may be numbers, texts, enums, paths,
    dataclasses, and sequences and mappings of these.

    Raises:
        TypeError: For a value of another kind, which could change without being noticed.

    Example:
        >>> fingerprint("trait", 1) == fingerprint("trait", 1), fingerprint(1) == fingerprint(2)
        (True, False)
    """
    digest = hashlib.blake2b(digest_size=10)
    for value in inputs:
        for part in _parts(value):
            digest.update(part.encode())
            digest.update(b"\0")
    return digest.hexdigest()


def _parts(value: Any) -> Iterator[str]:
    if isinstance(value, Path):
        yield from _file_parts(value)
    elif value is None or isinstance(value, str | bytes | int | float | Enum):
        yield repr(value)
    elif dataclasses.is_dataclass(value):
        yield type(value).__name__
        for field in dataclasses.fields(value):
            yield from _parts(getattr(value, field.name))
    elif isinstance(value, Mapping):
        yield f"{{{len(value)}"
        for key in sorted(value):
            yield repr(key)
            yield from _parts(value[key])
    elif isinstance(value, list | tuple | set | frozenset):
        yield f"({len(value)}"
        items = value if isinstance(value, list | tuple) else sorted(value)
        if all(type(item) is str for item in items):
            yield repr(items)  # frame names, by far the most of what there is
            return
        for item in items:
            yield from _parts(item)
    else:
        raise TypeError(f"cannot take the fingerprint of a {type(value).__name__}")


def _file_parts(path: Path) -> Iterator[str]:
    """Yield name, size and time of a file or of all files below a folder, in a fixed order."""
    try:
        status = path.stat()
    except OSError:
        yield f"{path.name} missing"
        return
    if not path.is_dir():
        yield f"{path.name} {status.st_size} {status.st_mtime_ns}"
        return
    with os.scandir(path) as entries:
        ordered = sorted(entries, key=lambda entry: entry.name)
    folders = [entry for entry in ordered if entry.is_dir()]
    stats = ((entry.name, entry.stat()) for entry in ordered if not entry.is_dir())
    # One text per folder: a data set has a million files, and this runs at every start.
    yield "\n".join(f"{name} {status.st_size} {status.st_mtime_ns}" for name, status in stats)
    for entry in folders:
        yield entry.name
        yield from _file_parts(Path(entry.path))
