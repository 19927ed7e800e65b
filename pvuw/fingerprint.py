"""What a folder of masks was made with, as one short text to compare."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

_NO_PART_IN_MASKS = ("loss", "optim", "seed", "protocol", "val_resolution")


def recipe_fingerprint(model: Mapping[str, Any], files: Iterable[Path]) -> str:
    """Return a SHA-256 over what decides the masks: the model's settings and its weight files.

    Args:
        model: The `model` section of a resolved recipe, plain values only. What only training and
            scoring read does not count.
        files: Weights and checkpoints, by content; where they lie does not count.

    Raises:
        OSError: If a file cannot be read.
    """
    settings = {k: v for k, v in model.get("init_args", {}).items() if k not in _NO_PART_IN_MASKS}
    digest = hashlib.sha256()
    digest.update(json.dumps([model.get("class_path"), settings], sort_keys=True).encode())
    for path in files:
        digest.update(file_sha256(path).encode())
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content, 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
