"""Weights in and out: official files and training checkpoints, one into the other."""

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save

from pvuw.io.atomic import atomic_path
from pvuw.nets.checkpoint import Checkpoint, load_official, read_checkpoint
from pvuw.nets.identify import identify
from pvuw.nets.livos.weights import published_name

__all__ = ["WeightsSummary", "export_official", "load_official", "summarize"]


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
    checkpoint = read_checkpoint(path)
    tensors = checkpoint.weights.values()
    return WeightsSummary(
        layout=_layout(checkpoint),
        network=identify(checkpoint.official_weights) or "unknown",
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
        out: The new file, `{"model": {name: tensor}}` for SAM 2, the tensors by name for the other
            networks, and for all where its name ends in `.safetensors`; replaced if it exists.

    Raises:
        WeightsError: If `src` is missing, damaged or of an unknown layout.
    """
    weights = {name: w.contiguous() for name, w in read_checkpoint(src).official_weights.items()}
    network = identify(weights) or ""
    if network == "LiVOS":
        weights = {published_name(name): weight for name, weight in weights.items()}
    with atomic_path(out) as temporary:
        if out.suffix == ".safetensors":
            temporary.write_bytes(save(weights))
            return
        torch.save({"model": weights} if network.startswith("SAM") else weights, temporary)


def _layout(checkpoint: Checkpoint) -> str:
    if checkpoint.layout == "official":
        return "official weights"
    layout = f"training checkpoint, epoch {checkpoint.epoch}, step {checkpoint.step}"
    if checkpoint.adapters is None:
        return layout
    return f"{layout}, adapters of rank {checkpoint.adapters.rank} merged"
