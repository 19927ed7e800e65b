"""Weights and words that come with the package."""

from pathlib import Path

from pvuw.errors import WeightsError

SHIPPED = "shipped"
"""What a recipe says for `weights` to mean them."""
_FOLDER = Path(__file__).parent.parent / "assets"


def shipped_weights(network: str) -> Path:
    """Path of the weights that ship for a network, such as `sam2_nano`.

    Raises:
        WeightsError: If none do.

    Example:
        >>> shipped_weights("sam2_nano").name
        'sam2_nano.safetensors'
    """
    path = _FOLDER / f"{network}.safetensors"
    if not path.is_file():
        have = ", ".join(sorted(file.stem for file in _FOLDER.glob("*.safetensors")))
        raise WeightsError(
            f"weights: none ship for {network} (there are {have}); give a file, docs/weights.md "
            "says where official weights are"
        )
    return path


def shipped_words() -> Path:
    """Path of the words for networks that learn from generated sentences, as BERT lists them.

    The generator's words, then all letters and digits, so that nothing is unknown.
    """
    return _FOLDER / "referdino_nano_words.txt"
