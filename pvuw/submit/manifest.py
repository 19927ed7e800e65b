"""What a submission was made with: recipe, checkpoint and versions, as JSON beside the zip."""

import json
import platform
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml

from pvuw import __version__
from pvuw.errors import DataError
from pvuw.fingerprint import file_sha256
from pvuw.io.text import read_text
from pvuw.submit.check import Submission
from pvuw.submit.formats import SubmissionFormat

_RECIPES = ("predict.yaml", "config.yaml")  # what `pvuw predict` writes, then what `fit` writes
_WEIGHT_KEYS = ("ckpt_path", "weights")
_PACKAGES = ("torch", "torchvision", "lightning", "sam2", "numpy")


def manifest_path(archive: Path) -> Path:
    """Return where the manifest of a zip lies.

    Example:
        >>> manifest_path(Path("out/nano.zip")).name
        'nano.manifest.json'
    """
    return archive.with_suffix(".manifest.json")


def find_recipe(predictions: Path) -> Path | None:
    """Return the resolved recipe of the run that made the predictions, or None.

    Args:
        predictions: The folder of masks; the run's folder is this one or the one above.
    """
    folders = (predictions, predictions.resolve().parent)
    places = (folder / name for folder in folders for name in _RECIPES)
    return next((place for place in places if place.is_file()), None)


def build_manifest(
    archive: Path,
    content: Path,
    *,
    submission: Submission,
    rules: SubmissionFormat,
    recipe: Path | None,
) -> str:
    """Return the manifest as JSON; the same submission made in the same place gives the same text.

    Args:
        archive: Name the zip will have.
        content: Where its bytes are now.
        submission: What is in it.
        rules: Whose layout it has.
        recipe: The run's resolved recipe; None: unknown.

    Raises:
        DataError: If the recipe is no YAML mapping.
    """
    config = {} if recipe is None else _read_yaml(recipe)
    manifest = {
        "zip": archive.name,
        "format": rules.name,
        "sha256": file_sha256(content),
        "bytes": content.stat().st_size,
        "videos": len({query_id.split("/")[0] for query_id in submission.masks}),
        "masks": submission.num_masks,
        "checkpoints": [_checkpoint(key, Path(value)) for key, value in weights_of(config)],
        "versions": {"pvuw": __version__, "python": platform.python_version(), **_versions()},
        "recipe_file": None if recipe is None else str(recipe),
        "recipe": config or None,
    }
    return json.dumps(manifest, indent=2, default=str) + "\n"


def weights_of(config: Mapping[str, Any], *, inside: str = "") -> Iterator[tuple[str, str]]:
    """Yield key and path of every file of weights a recipe names.

    Example:
        >>> list(weights_of({"ckpt_path": "a.ckpt", "net": {"weights": None}}))
        [('ckpt_path', 'a.ckpt')]
    """
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield from weights_of(value, inside=f"{inside}{key}.")
        elif key in _WEIGHT_KEYS and isinstance(value, str):
            yield f"{inside}{key}", value


def _checkpoint(key: str, path: Path) -> dict[str, str | None]:
    """Return what is known of a file of weights; it may be gone, or elsewhere, by now."""
    return {"key": key, "file": str(path), "sha256": file_sha256(path) if path.is_file() else None}


def _versions() -> dict[str, str | None]:
    return {name: _version(name) for name in _PACKAGES}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        config = yaml.safe_load(read_text(path, what="a recipe (YAML)"))
    except yaml.YAMLError as error:
        raise DataError(f"{path}: not a readable recipe; remove it or restore it") from error
    if not isinstance(config, dict):
        raise DataError(f"{path}: holds no recipe, got {type(config).__name__}; remove it")
    return config
