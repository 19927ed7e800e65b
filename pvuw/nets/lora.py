"""Low-rank adapters (Hu et al. 2021, https://arxiv.org/abs/2106.09685), by `peft`, and their merge.

An adapted layer computes `W x + alpha / rank * B A x` with `W` frozen. Merged, `W` becomes
`W + alpha / rank * B A`: the layer, and the file, are as if there had never been an adapter.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from pvuw.errors import PvuwError
from pvuw.nets.base import VideoSegmenter
from pvuw.nets.freeze import lies_in, prefixes_of

_ADAPTER = "default"
_BASE = ".base_layer."
_A, _B = f".lora_A.{_ADAPTER}.weight", f".lora_B.{_ADAPTER}.weight"


@dataclass
class LoraConfig:
    """Adapters of a network's linear layers."""

    rank: int = 8
    """Rows of `A` and columns of `B`."""
    alpha: int = 16
    """Adapters count `alpha / rank`, so that the rank can be changed without a new rate."""
    dropout: float = 0.0
    """Dropout of what enters the adapters."""
    parts: str = "image_encoder, memory_attention"
    """Parts whose linear layers are adapted, separated by commas."""

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise ValueError(f"lora.rank must be at least 1, got {self.rank}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"lora.dropout must be in [0, 1), got {self.dropout}")

    @property
    def scale(self) -> float:
        """What `B A` is multiplied by."""
        return self.alpha / self.rank


def add_adapters(net: VideoSegmenter, config: LoraConfig) -> None:
    """Give the frozen linear layers of some parts trainable adapters that change nothing yet.

    Layers whose weights are being trained get none. Everything else keeps taking gradients, or not,
    as it did.

    Args:
        net: The network; changed in place.
        config: Rank, scale and place of the adapters.

    Raises:
        PvuwError: If `peft` is not installed, a part does not exist or none has a frozen linear
            layer.
    """
    try:
        from peft import LoraConfig as PeftConfig
        from peft import inject_adapter_in_model
    except ModuleNotFoundError as error:
        raise PvuwError(
            f"model.tuning.lora needs {error.name}, which is not installed: "
            "pip install 'pvuw-vos[lora]'"
        ) from error
    trained = [parameter for parameter in net.parameters() if parameter.requires_grad]
    settings = PeftConfig(
        r=config.rank,
        lora_alpha=config.alpha,
        lora_dropout=config.dropout,
        target_modules=_frozen_linears(net, config.parts),
    )
    inject_adapter_in_model(settings, net, _ADAPTER)
    for parameter in trained:  # peft has frozen all but its own
        parameter.requires_grad_()
    net.train(net.training)


def _frozen_linears(net: VideoSegmenter, parts: str) -> list[str]:
    prefixes = [p for part in parts.split(",") for p in prefixes_of(net, part.strip())]
    layers = [
        name
        for name, module in net.named_modules()
        # Sub-classes may be read by other means than calling them.
        if type(module) is nn.Linear
        and not module.weight.requires_grad
        and any(lies_in(name, prefix) for prefix in prefixes)
    ]
    if not layers:
        raise PvuwError(f"model.tuning.lora.parts: {parts!r} has no frozen linear layer to adapt")
    return layers


def has_adapters(weights: Mapping[str, Tensor]) -> bool:
    """Whether weights, by name, include those of adapters."""
    return any(name.endswith((_A, _B)) for name in weights)


def merge_adapters(weights: Mapping[str, Tensor], scale: float) -> dict[str, Tensor]:
    """Weights of the network without adapters that computes the same, under its own names.

    Args:
        weights: Those of an adapted network, by name.
        scale: `alpha / rank` of its adapters.

    Raises:
        KeyError: If a layer's set of `A`, `B` and base weight is incomplete.

    Example:
        >>> import torch
        >>> adapted = {
        ...     "fc.base_layer.weight": torch.zeros(1, 2),
        ...     "fc.lora_A.default.weight": torch.tensor([[1.0, 2.0]]),
        ...     "fc.lora_B.default.weight": torch.tensor([[3.0]]),
        ... }
        >>> merge_adapters(adapted, 0.5)
        {'fc.weight': tensor([[1.5000, 3.0000]])}
    """
    merged = {
        name.replace(_BASE, "."): weight
        for name, weight in weights.items()
        if not name.endswith((_A, _B))
    }
    layers = sorted({name[: -len(_A)] for name in weights if name.endswith((_A, _B))})
    for layer in layers:
        base = weights[f"{layer}{_BASE}weight"]
        merged[f"{layer}.weight"] = base + (weights[layer + _B] @ weights[layer + _A]) * scale
    return merged
