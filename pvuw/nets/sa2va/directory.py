"""Published directories: which weights they hold, and loading them one tensor at a time."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from pvuw.errors import WeightsError
from pvuw.nets.checkpoint import weight_differences
from pvuw.nets.sa2va.keys import Layout

_INDEX, _WHOLE = "model.safetensors.index.json", "model.safetensors"


class Shards:
    """The weights of a directory: read from the disk when one is asked for.

    Args:
        folder: With `model.safetensors`, or several files and their index.

    Raises:
        WeightsError: If the index, a file or a weight it names is missing, or a file is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file_of = _files(folder)
        missing = sorted({file for file in self._file_of.values() if not (folder / file).is_file()})
        if missing:
            raise WeightsError(
                f"{folder / missing[0]}: missing, one of {len(missing)} files that "
                f"{_INDEX} names and that are not there; download the directory again"
            )
        self.shapes: dict[str, Tensor] = {}
        """Each weight as a tensor without values."""
        for file in dict.fromkeys(self._file_of.values()):
            self._read_shapes(file)

    def _read_shapes(self, file: str) -> None:
        with self._open(file) as shard:
            names = list(shard.keys())
            for name in names:
                part = shard.get_slice(name)
                dtype = _DTYPES.get(part.get_dtype(), torch.float32)
                self.shapes[name] = torch.empty(part.get_shape(), dtype=dtype, device="meta")
        lost = [n for n, where in self._file_of.items() if where == file and n not in names]
        if lost:
            raise WeightsError(
                f"{self.folder / file}: has no {lost[0]}, which {_INDEX} says is in it; "
                "download the directory again"
            )

    def __iter__(self) -> Iterator[tuple[str, Tensor]]:
        """Yield every weight, file by file; each is mapped from the disk, not read before used."""
        for file in dict.fromkeys(self._file_of.values()):
            with self._open(file) as shard:
                for name in shard.keys():  # noqa: SIM118 (not a mapping)
                    yield name, shard.get_tensor(name)

    @contextmanager
    def _open(self, file: str) -> Iterator[Any]:
        path = self.folder / file
        with ExitStack() as stack:
            try:
                shard = stack.enter_context(safe_open(path, framework="pt"))
            except SafetensorError as error:
                raise WeightsError(
                    f"{path}: not a whole safetensors file ({error}); download it again"
                ) from error
            yield shard


_DTYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
    "I64": torch.int64, "I32": torch.int32, "U8": torch.uint8, "BOOL": torch.bool,
}  # fmt: skip
"""How safetensors calls number formats."""


def _files(folder: Path) -> dict[str, str]:
    """File of each weight; of a directory without an index, of the one file."""
    index = folder / _INDEX
    if index.is_file():
        try:
            found = json.loads(index.read_text())["weight_map"]
        except (ValueError, KeyError, TypeError) as error:
            raise WeightsError(f"{index}: no index of weights; download it again") from error
        return dict(found)
    if not (folder / _WHOLE).is_file():
        raise WeightsError(f"{folder}: neither {_INDEX} nor {_WHOLE}; is it a published directory?")
    try:
        with safe_open(folder / _WHOLE, framework="pt") as shard:
            return dict.fromkeys(shard.keys(), _WHOLE)
    except SafetensorError as error:
        raise WeightsError(
            f"{folder / _WHOLE}: not a whole safetensors file ({error}); download it again"
        ) from error


def load_directory(net: nn.Module, shards: Shards, layout: Layout, *, dtype: torch.dtype) -> None:
    """Give a network the weights of a directory, every one of them and nothing else.

    Weights without a place (on the device `meta`) get one; what is held besides the network is one
    weight at a time.

    Args:
        net: Modules named as in `pvuw.nets.sa2va.keys`; changed in place.
        shards: The directory.
        layout: How it names them.
        dtype: Of the language model's weights; SAM 2's stay float32.

    Raises:
        WeightsError: If a weight is missing, unexpected or of another shape. The network is
            unchanged then.
    """
    own = net.state_dict(keep_vars=True)
    check_fit(shards, own, layout)
    with torch.no_grad():
        for published, weight in shards:
            names = layout.ours(published)
            for name, part in zip(names, layout.split(published, weight), strict=True):
                _place(net, name, own[name], part, dtype if name.startswith("mllm.") else None)


def check_fit(shards: Shards, own: Mapping[str, Tensor], layout: Layout) -> None:
    """Refuse a directory whose weights are not a network's.

    Raises:
        WeightsError: If a weight is missing, unexpected or of another shape.
    """
    wanted: dict[str, list[Tensor]] = {}
    for name, weight in own.items():
        wanted.setdefault(layout.published(name), []).append(weight)
    joined = {name: _joint_shape(parts) for name, parts in wanted.items()}
    problems = weight_differences(shards.shapes, joined)
    if problems:
        raise WeightsError(
            f"{shards.folder}: the weights are not those that its config.json describes "
            f"({'; '.join(problems)})"
        )


def _joint_shape(parts: list[Tensor]) -> Tensor:
    """Parts that are stored as one, without values."""
    rows = sum(len(part) for part in parts) if len(parts) > 1 else 0
    shape = [rows, *parts[0].shape[1:]] if rows else list(parts[0].shape)
    return torch.empty(shape, device="meta")


def _place(
    net: nn.Module, name: str, own: Tensor, weight: Tensor, dtype: torch.dtype | None
) -> None:
    """Copy a weight to where it belongs, or make it the parameter where there is no place yet."""
    if not own.is_meta:
        own.copy_(weight)
        return
    owner, _, leaf = name.rpartition(".")
    value = weight.to(dtype or torch.float32, copy=True).contiguous()
    setattr(net.get_submodule(owner), leaf, nn.Parameter(value, requires_grad=own.requires_grad))
