"""What a folder of masks was made with, as one short text to compare."""

import hashlib
import json
from collections.abc import Mapping
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
