"""Weights in and out: official files and training checkpoints, one into the other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from pvuw.errors import WeightsError
from pvuw.io.atomic import atomic_path
from pvuw.nets.checkpoint import (
    Checkpoint,
    load_official,
    official_weights_in,
    read_checkpoint,
    weight_differences,
)
from pvuw.nets.identify import identify
from pvuw.nets.livos.weights import published_name
from pvuw.nets.lora import has_adapters
from pvuw.nets.referdino.keys import is_release, to_release
from pvuw.nets.sa2va.directory import Shards
from pvuw.nets.sa2va.structure import describe
from pvuw.nets.sam3.export import release_weights, write_port
from pvuw.nets.weights_file import read_weights_file

_SAM3 = ("SAM 3 nano", "SAM 3 official", "SAM 3 of another size")
"""How `identify` calls trackers that can be exported."""
_KEYS = {"SAM": "model", "ReferDINO": "model_state_dict"}
"""Where a release's files keep the weights, by the first word of the network's name."""

__all__ = [
    "WeightsSummary",
    "export_official",
    "load_official",
    "read_run_checkpoint",
    "require_same_network",
    "summarize",
]


@dataclass
class WeightsSummary:
    """What a weights file is, in figures and words."""

    layout: str
    """`official weights`, or `training checkpoint` with its epoch, step and adapters."""
    network: str
    """Network and size the weights belong to, such as `SAM 2.1 tiny`, or `unknown`."""
    num_values: int
    """Numbers in all tensors: the parameters, statistics and constants."""
    num_tensors: int
    dtypes: list[str]
    """Their number formats, such as `float32`."""


def summarize(path: Path) -> WeightsSummary:
    """What a weights file is.

    Raises:
        WeightsError: If the file is missing, damaged or of an unknown layout.
    """
    if (sa2va := describe(path)) is not None:  # too large to be read for this
        return _summary("official weights", sa2va, list(Shards(path).shapes.values()))
    checkpoint = read_checkpoint(path)
    network = identify(checkpoint.official_weights) or "unknown"
    return _summary(_layout(checkpoint), network, list(checkpoint.weights.values()))


def _summary(layout: str, network: str, tensors: Sequence[Tensor]) -> WeightsSummary:
    return WeightsSummary(
        layout=layout,
        network=network,
        num_values=sum(tensor.numel() for tensor in tensors),
        num_tensors=len(tensors),
        dtypes=sorted({str(tensor.dtype).removeprefix("torch.") for tensor in tensors}),
    )


def export_official(src: Path, out: Path) -> None:
    """Write a checkpoint's weights as their authors' own code loads them, whole or not at all.

    Adapters are merged into the layers they adapt; of a run with averaged weights, the average is
    written. The same checkpoint always gives the same numbers.

    Args:
        src: Checkpoint of a training run, or a file that is official already.
        out: The new file, `{"model": {name: tensor}}` for SAM 2 and 3, `model_state_dict` for
            ReferDINO, the tensors by name for the other networks, and for all where its name ends
            in `.safetensors`; replaced if it exists. Of SAM 3, a name without a dot is a folder for
            `transformers`.

    Raises:
        WeightsError: If `src` is missing, damaged or of an unknown layout.
    """
    weights = {name: w.contiguous() for name, w in read_checkpoint(src).official_weights.items()}
    network = identify(weights) or ""
    if network.startswith(_SAM3):
        if not out.suffix:
            write_port(weights, network, out)
            return
        weights = {n: w.contiguous() for n, w in release_weights(weights).items()}
    if network.startswith("ReferDINO"):
        weights = to_release(weights) if not is_release(weights) else weights
    if network == "LiVOS":
        weights = {published_name(name): weight for name, weight in weights.items()}
    with atomic_path(out) as temporary:
        if out.suffix == ".safetensors":
            temporary.write_bytes(save(weights))
            return
        key = _KEYS.get(network.partition(" ")[0])
        torch.save(weights if key is None else {key: weights}, temporary)


def read_run_checkpoint(path: Path, *, to_continue: bool) -> dict[str, Tensor]:
    """The module's weights in a checkpoint of a training run, which `--ckpt_path` must name.

    Args:
        path: The file.
        to_continue: Whether training goes on from it, for which weights alone are not enough.

    Raises:
        WeightsError: If it is damaged, or something else; the line says what it is and what to
            give instead.
    """
    content = read_weights_file(path)
    official = official_weights_in(content)
    if official is not None:
        network = identify(official)
        raise WeightsError(
            f"--ckpt_path {path}: official weights{f' of {network}' if network else ''}, not a "
            f"checkpoint of a run; give them as --model.net.weights {path}, without --ckpt_path"
        )
    state = content.get("state_dict") if isinstance(content, dict) else None
    if not isinstance(state, dict) or "pytorch-lightning_version" not in content:
        raise WeightsError(
            f"--ckpt_path {path}: no checkpoint of a run of ours; give one of RUN/checkpoints, or "
            "official weights as --model.net.weights"
        )
    if to_continue and not content.get("optimizer_states"):
        raise WeightsError(
            f"--ckpt_path {path}: holds weights without the state of training, so no run can go on "
            f"from it; start a new one with --model.net.weights {path}, without --ckpt_path"
        )
    return state


def require_same_network(
    path: Path, found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]
) -> None:
    """Stop where a checkpoint's weights are not those of the module that is to load them.

    Args:
        path: The checkpoint, for the message.
        found: Its weights, by their names in the module.
        wanted: The module's.

    Raises:
        WeightsError: Naming both networks, and what does not fit.
    """
    problems = weight_differences(found, wanted)
    if not problems or has_adapters(found) != has_adapters(wanted):
        return  # adapters are the module's business, which knows what was asked for
    theirs, ours = (_network_of(weights) for weights in (found, wanted))
    config = path.parent.parent / "config.yaml"
    recipe = f"--config {config}" if config.is_file() else "the recipe of its run"
    raise WeightsError(
        f"--ckpt_path {path}: weights of {theirs or 'another network'} do not fit "
        f"{ours or 'this network'}; give {recipe}, or another checkpoint ({'; '.join(problems)})"
    )


def _network_of(weights: Mapping[str, Any]) -> str | None:
    names = {name.removeprefix("net.").removeprefix("model."): w for name, w in weights.items()}
    return identify(names)


def _layout(checkpoint: Checkpoint) -> str:
    if checkpoint.layout == "official":
        return "official weights"
    layout = f"training checkpoint, epoch {checkpoint.epoch}, step {checkpoint.step}"
    if checkpoint.adapters is None:
        return layout
    return f"{layout}, adapters of rank {checkpoint.adapters.rank} merged"
