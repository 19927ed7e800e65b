"""What of a network is trained, and how it is run, apart from what it computes."""

from dataclasses import dataclass

from torch import nn

from pvuw.errors import PvuwError
from pvuw.nets.base import VideoSegmenter
from pvuw.nets.freeze import freeze, prefixes_of
from pvuw.nets.lora import LoraConfig, add_adapters


@dataclass
class TuningConfig:
    """What of a network is trained, and how it is run."""

    freeze: str | None = None
    """What is left as it is: `image_encoder`, `image_encoder, prompt_encoder`, `all but memory`.
    Default: nothing, or with `lora` all but the adapters."""
    lora: LoraConfig | None = None
    """Train low-rank adapters of linear layers in place of the layers. Needs `pvuw-vos[lora]`."""
    compile: str | None = None
    """Parts that `torch.compile` translates, such as `image_encoder`; the first step of each shape
    takes minutes, the others less time. Checkpoints are the same."""
    compile_backend: str = "inductor"
    """What `torch.compile` translates to; `aot_eager` only traces, which finds what cannot be."""


def prepare(net: VideoSegmenter, config: TuningConfig) -> None:
    """Freeze, adapt and compile a network in place, its weights loaded.

    Raises:
        PvuwError: If a part does not exist, or nothing is left to train.
    """
    policy = "all" if config.freeze is None and config.lora is not None else config.freeze
    if policy is not None:
        freeze(net, policy)
    if config.lora is not None:
        add_adapters(net, config.lora)
    if policy is not None and not any(p.requires_grad for p in net.parameters()):
        raise PvuwError(f"model.tuning.freeze: {policy!r} leaves nothing to train")
    if config.compile is not None:
        for module in _modules(net, config.compile):
            module.compile(backend=config.compile_backend)


def _modules(net: VideoSegmenter, parts: str) -> list[nn.Module]:
    modules = dict(net.named_modules())
    names = [name for part in parts.split(",") for name in prefixes_of(net, part.strip())]
    loose = [name for name in names if name not in modules]
    if loose:
        raise PvuwError(f"model.tuning.compile: {', '.join(loose)} are no modules; name modules")
    return [modules[name] for name in names]
