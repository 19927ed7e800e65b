"""XMem's published checkpoints: their widths, and those of a network for one object."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from pvuw.errors import WeightsError
from pvuw.nets.checkpoint import Checkpoint, read_checkpoint
from pvuw.nets.identify import identify
from pvuw.nets.xmem.modules import XMemWidths

_TRUNK = "key_encoder.conv1.weight"
_KEY = "key_proj.key_proj.weight"
_VALUE = "value_encoder.fuser.block2.conv2.weight"
_SENSORY = "decoder.hidden_update.transform.weight"
_MASK_STEM = "value_encoder.conv1.weight"


def widths_of(checkpoint: Checkpoint) -> XMemWidths:
    """The widths a checkpoint's network was built with; without sensory memory that one is 0.

    Raises:
        WeightsError: If it is no XMem checkpoint.
    """
    weights = checkpoint.weights
    if absent := [name for name in (_TRUNK, _KEY, _VALUE) if name not in weights]:
        found = identify(checkpoint.official_weights) or f"begins with {', '.join([*weights][:3])}"
        raise WeightsError(
            f"{checkpoint.path}: no XMem weights, {', '.join(absent)} missing ({found}); "
            "docs/weights.md says where official weights are"
        )
    return XMemWidths(
        key=weights[_KEY].shape[0],
        value=weights[_VALUE].shape[0],
        sensory=weights[_SENSORY].shape[0] // 3 if _SENSORY in weights else 0,
        trunk=weights[_TRUNK].shape[0],
    )


def read_xmem(path: Path) -> Checkpoint:
    """Weights of a file; those of a network for one object get a channel of zeros for the others.

    Such networks (`XMem-s0.pth`) take an image and one mask, four channels. The published code
    draws the fifth channel at random unless told otherwise; zeros leave the network what it was.

    Raises:
        WeightsError: If the file is missing, damaged or of an unknown layout.
    """
    checkpoint = read_checkpoint(path)
    return replace(checkpoint, weights=_for_many_objects(checkpoint.weights))


def _for_many_objects(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    stem = weights.get(_MASK_STEM)
    if stem is None or stem.ndim != 4 or stem.shape[1] != 4:
        return dict(weights)
    return {**weights, _MASK_STEM: torch.cat([stem, torch.zeros_like(stem[:, :1])], dim=1)}
