"""Reads weights from official files and our training checkpoints, and loads them strictly."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from pvuw.errors import WeightsError
from pvuw.nets.base import VideoSegmenter
from pvuw.nets.identify import identify
from pvuw.nets.lora import LoraConfig, has_adapters, merge_adapters
from pvuw.nets.weights_file import read_weights_file

_NET = "net."
"""Where the training module keeps the network."""
_SAM2_INSIDE = "model."
"""Where `Sam2` keeps the network that official files hold."""


@dataclass
class Checkpoint:
    """Weights of one file, on the CPU."""

    path: Path
    layout: Literal["official", "training"]
    """As the networks' authors publish: `{"model": {name: tensor}}` (SAM 2), `model_state_dict`
    (ReferDINO) or the names alone (XMem, Cutie, LiVOS, TMO); or what a training run saves."""
    weights: dict[str, Tensor]
    """By the names of the layout; of a training checkpoint, by those of the network's modules, with
    adapters merged."""
    epoch: int | None = None
    """Epochs finished, of a training checkpoint."""
    step: int | None = None
    """Optimizer steps done, of a training checkpoint."""
    adapters: LoraConfig | None = None
    """The adapters that were merged, of a training checkpoint that had some."""

    @property
    def official_weights(self) -> dict[str, Tensor]:
        """Weights under their official names, whatever the layout."""
        return {name.removeprefix(_SAM2_INSIDE): w for name, w in self.weights.items()}


def load_official(path: Path, net: VideoSegmenter) -> None:
    """Load a file's weights into a network, every one of them and nothing else.

    Args:
        path: An official `.pt` file, an exported one (`.pt`, `.safetensors`), or a checkpoint of a
            training run.
        net: The network; its weights are overwritten in place.

    Raises:
        WeightsError: If the file is missing, damaged or of another layout, or if a weight is
            missing, unexpected or of another shape. The network is unchanged then.
    """
    load_checkpoint(read_checkpoint(path), net)


def load_checkpoint(checkpoint: Checkpoint, net: VideoSegmenter) -> None:
    """Load weights that were read before; see `load_official`.

    Raises:
        WeightsError: If a weight is missing, unexpected or of another shape. The network is
            unchanged then.
    """
    official = checkpoint.layout == "official"
    # Both dictionaries hold the network's own tensors, so that copying into them loads.
    own = net.official_state_dict() if official else net.state_dict()
    found_weights = net.official_part(checkpoint.weights) if official else checkpoint.weights
    problems = weight_differences(found_weights, own)
    if problems:
        found = identify(checkpoint.official_weights) or "an unknown network"
        wanted = identify(net.official_state_dict()) or type(net).__name__
        fix = "" if found == wanted else "; build that network or load other weights"
        raise WeightsError(
            f"{checkpoint.path}: weights of {found} do not fit {wanted}{fix} "
            f"({'; '.join(problems)})"
        )
    with torch.no_grad():
        for name, weight in found_weights.items():
            own[name].copy_(weight)


def read_checkpoint(path: Path) -> Checkpoint:
    """The weights in a file, without running any code the file may carry.

    Raises:
        WeightsError: If the file is missing, damaged or of an unknown layout.
    """
    content = read_weights_file(path)
    official = official_weights_in(content)
    if official is not None:
        return Checkpoint(path, "official", official)
    if isinstance(content, dict) and _is_weights(content.get("state_dict")):
        # torch.compile wraps modules; which weights they are does not change.
        named = {k.replace("_orig_mod.", ""): w for k, w in content["state_dict"].items()}
        weights = {k.removeprefix(_NET): w for k, w in named.items() if k.startswith(_NET)}
        if weights:
            epoch, step = content.get("epoch"), content.get("global_step")
            adapters = _adapters(path, content, weights)
            if adapters is not None:
                weights = merge_adapters(weights, adapters.scale)
            return Checkpoint(path, "training", weights, epoch, step, adapters)
    keys = sorted(map(str, content))[:5] if isinstance(content, dict) else type(content).__name__
    raise WeightsError(
        f"{path}: neither official weights (`model`, or tensors by name) nor a training checkpoint "
        f"of ours (`state_dict` with `net.*`), found {keys}"
    )


def official_weights_in(content: object) -> dict[str, Tensor] | None:
    """The weights in a file's content where networks' authors publish it so, else None."""
    for key in ("model", "model_state_dict"):
        if isinstance(content, dict) and _is_weights(content.get(key)):
            return dict(content[key])
    return dict(content) if _is_weights(content) else None  # type: ignore[call-overload]


def _adapters(
    path: Path, content: Mapping[str, Any], weights: Mapping[str, Tensor]
) -> LoraConfig | None:
    """What the training module noted about its adapters, if the weights hold any."""
    if not has_adapters(weights):
        return None
    note = content.get("pvuw", {}).get("lora")
    if note is None:
        raise WeightsError(
            f"{path}: holds adapters but not their scale (`pvuw.lora`), so they cannot be merged; "
            "give the checkpoint as the run wrote it"
        )
    return LoraConfig(**note)


def _is_weights(content: object) -> bool:
    return (
        isinstance(content, dict)
        and len(content) > 0
        and all(isinstance(k, str) and isinstance(v, Tensor) for k, v in content.items())
    )


def weight_differences(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> list[str]:
    """What keeps the weights found from being those wanted, each as a few words; [] if nothing."""
    missing = [name for name in wanted if name not in found]
    unexpected = [name for name in found if name not in wanted]
    reshaped = [
        f"{name} {list(found[name].shape)} instead of {list(wanted[name].shape)}"
        for name in wanted
        if name in found and found[name].shape != wanted[name].shape
    ]
    kinds = {"missing": missing, "unexpected": unexpected, "of another shape": reshaped}
    return [f"{len(names)} {kind}: {_some(names)}" for kind, names in kinds.items() if names]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
