"""Reads what `torch.save` or safetensors wrote, or says in one line what a file is instead."""

import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from pvuw.errors import WeightsError

_BEGINNINGS = (
    ((b"<!doctype", b"<html", b"<?xml"), "a web page saved as a file", "download the file itself"),
    ((b"version https://git-lfs",), "a pointer of Git LFS", "run `git lfs pull` and try again"),
)
"""How files begin that come in place of weights, what they are, and what to do."""
_AGAIN = "download or save it again"


def read_weights_file(path: Path) -> Any:
    """The content of a file or of `transformers`' folder, without running any code it may carry.

    Tensors are on the CPU.

    Raises:
        WeightsError: If the file is missing, damaged or no file of weights.
    """
    if path.is_dir():
        return _read_folder(path)
    if not path.is_file():
        raise WeightsError(f"{path}: no such file; docs/weights.md says where official weights are")
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except (zipfile.BadZipFile, OSError, EOFError) as error:
        raise WeightsError(f"{path}: {_what_it_is(path)}") from error
    if damaged is not None:
        raise WeightsError(f"{path}: damaged at {damaged} (checksum); {_AGAIN}")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path}: holds Python objects besides weights, which could run code; "
            "save its tensors alone"
        ) from error
    except RuntimeError as error:
        raise WeightsError(f"{path}: a zip archive, but no file of torch.save") from error


def _read_folder(path: Path) -> dict[str, Tensor]:
    """Weights of a folder as `transformers` saves them, in one file or several."""
    files = sorted(path.glob("model*.safetensors"))
    if not files:
        raise WeightsError(f"{path}: no such file but a folder; name a file in it")
    weights: dict[str, Tensor] = {}
    for file in files:
        weights |= _read_safetensors(file)
    return weights


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return dict(load_file(path))
    except SafetensorError as error:
        what = _what_it_is(path) if _is_something_else(path) else f"({error}); {_AGAIN}"
        raise WeightsError(f"{path}: not a whole safetensors file {what}") from error


def _what_it_is(path: Path) -> str:
    """What a file is that is no zip archive, and what to do about it."""
    size = path.stat().st_size
    if size == 0:
        return f"an empty file; {_AGAIN}"
    begin = _beginning(path)
    for beginnings, what, fix in _BEGINNINGS:
        if begin.startswith(beginnings):
            return f"{what}, no weights; {fix} ({_AGAIN} where you got it)"
    if begin.startswith(b"pk\x03\x04"):
        return f"cut short at {size} bytes; {_AGAIN}"
    return f"no weights, or cut short ({size} bytes); {_AGAIN}"


def _is_something_else(path: Path) -> bool:
    begin = _beginning(path)
    return not begin or any(begin.startswith(beginnings) for beginnings, _, _ in _BEGINNINGS)


def _beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").lower()
