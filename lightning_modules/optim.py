"""Parameter groups, optimizer and learning-rate schedule."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from torch import nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from pvuw.errors import PvuwError
from pvuw.nets.base import VideoSegmenter


@dataclass
class OptimConfig:
    """AdamW with a linear warm-up and a cosine down to a share of the peak rate."""

    lr: float = 5e-6
    """Peak learning rate; SAM 2's MOSE fine-tuning uses 5e-6."""
    image_encoder_lr: float | None = None
    """Peak rate of the image encoder, 3e-6 in SAM 2's MOSE fine-tuning; default: `lr`."""
    layer_decay: float = 1.0
    """Each layer of the image encoder learns this much slower than the next one, so that the early,
    general ones keep what they know: rate * layer_decay ** (layers to the output). SAM 2: 0.9."""
    weight_decay: float = 0.1
    """Decay of the weights that `no_decay` does not spare."""
    no_decay: Literal["vectors", "biases_and_norms"] = "vectors"
    """What never decays. `vectors`: all that has fewer than two dimensions. `biases_and_norms`:
    biases and what belongs to `torch.nn.LayerNorm`, as SAM 2's recipe has it; its scales of
    convolutional norms and layers decay."""
    betas: tuple[float, float] = (0.9, 0.999)
    """AdamW's averaging factors."""
    warmup_steps: int = 0
    """Optimizer steps from 0 to the peak rate."""
    final_lr_ratio: float = 0.1
    """Rate after the last step, as a share of the peak rate."""
    drops: tuple[float, ...] = ()
    """In place of the cosine: shares of the run after each of which the rate is a tenth of what it
    was. ReferDINO: 0.8, after epoch 8 of 10."""

    def __post_init__(self) -> None:
        if self.lr <= 0:
            raise ValueError(f"optim.lr must be above 0, got {self.lr}")
        if self.image_encoder_lr is not None and self.image_encoder_lr <= 0:
            raise ValueError(
                f"optim.image_encoder_lr must be above 0, got {self.image_encoder_lr}; "
                "`model.tuning.freeze: image_encoder` keeps the encoder as it is"
            )
        if not 0 < self.layer_decay <= 1:
            raise ValueError(f"optim.layer_decay must be in (0, 1], got {self.layer_decay}")
        if not all(0 < share < 1 for share in self.drops):
            raise ValueError(f"optim.drops must be shares of the run, in (0, 1), got {self.drops}")
        if not 0 <= self.final_lr_ratio <= 1:
            raise ValueError(f"optim.final_lr_ratio must be in 0..1, got {self.final_lr_ratio}")


@dataclass
class ParameterGroup:
    """Parameters with the same peak rate and decay."""

    name: str
    """The layer they are of, and `no_decay` where that is so: `image_encoder.block03.no_decay`."""
    lr: float
    weight_decay: float
    parameters: dict[str, nn.Parameter] = field(default_factory=dict)
    """By their names in the module."""

    def for_optimizer(self) -> dict[str, Any]:
        """The group as a torch optimizer takes it."""
        decay, parameters = self.weight_decay, list(self.parameters.values())
        return {"params": parameters, "lr": self.lr, "weight_decay": decay, "name": self.name}


def parameter_groups(
    module: nn.Module, net: VideoSegmenter, config: OptimConfig
) -> list[ParameterGroup]:
    """Groups of all parameters that take gradients, per layer first what decays, then the rest.

    For SAM 2 with the numbers of its MOSE recipe they are those of upstream's
    `construct_optimizer`, 55 for base_plus.

    Args:
        module: Whose parameters are trained.
        net: The network inside it, which knows its layers.
        config: Rates and decay.
    """
    inside = {id(parameter): name for name, parameter in net.named_parameters()}
    spared = _spared(module, config)
    groups: dict[str, ParameterGroup] = {}
    for name, parameter in module.named_parameters():
        if not parameter.requires_grad:
            continue
        layer, rate = _layer_and_rate(inside.get(id(parameter)), net, config)
        for suffix, decay in (("", config.weight_decay), (".no_decay", 0.0)):
            groups.setdefault(layer + suffix, ParameterGroup(layer + suffix, rate, decay))
        suffix = ".no_decay" if name in spared else ""
        groups[layer + suffix].parameters[name] = parameter
    return [group for group in groups.values() if group.parameters]


def _layer_and_rate(
    name: str | None, net: VideoSegmenter, config: OptimConfig
) -> tuple[str, float]:
    """Layer and peak rate of one of the network's parameters, or of one outside it (None)."""
    encoder_lr = config.lr if config.image_encoder_lr is None else config.image_encoder_lr
    one_rate = encoder_lr == config.lr and config.layer_decay == 1
    if name is None or one_rate:
        return "rest", config.lr
    layer = net.layer_of(name)
    if not layer.in_image_encoder:
        return layer.name, config.lr
    return layer.name, encoder_lr * config.layer_decay**layer.depth


def _spared(module: nn.Module, config: OptimConfig) -> set[str]:
    """Names of the parameters that do not decay."""
    if config.no_decay == "vectors":
        return {name for name, parameter in module.named_parameters() if parameter.ndim < 2}
    norms = {
        id(parameter)
        for part in module.modules()
        if type(part) is nn.LayerNorm  # sub-classes and look-alikes decay, as upstream
        for parameter in part.parameters(recurse=False)
    }
    named = module.named_parameters()
    return {name for name, parameter in named if "bias" in name or id(parameter) in norms}


def rate_factor(
    step: int,
    *,
    warmup_steps: int,
    total_steps: Callable[[], float],
    final_ratio: float,
    drops: tuple[float, ...] = (),
) -> float:
    """Share of the peak rate at an optimizer step.

    Args:
        step: Optimizer steps taken.
        warmup_steps: Steps of the linear warm-up.
        total_steps: Steps of the whole run; asked for after the warm-up only.
        final_ratio: Share of the peak rate at the end.
        drops: See `OptimConfig.drops`.

    Example:
        >>> schedule = partial(
        ...     rate_factor, warmup_steps=2, total_steps=lambda: 6, final_ratio=0.0
        ... )
        >>> [schedule(step) for step in (0, 1, 2, 4, 6)]
        [0.5, 1.0, 1.0, 0.5, 0.0]
        >>> [schedule(step, drops=(0.5,)) for step in (0, 1, 2, 3, 4, 6)]
        [0.5, 1.0, 1.0, 0.1, 0.1, 0.1]
    """
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    if step == warmup_steps:
        return 1.0
    if drops:
        share = step / total_steps()
        return float(0.1 ** sum(share >= drop for drop in drops))
    done = min((step - warmup_steps) / max(total_steps() - warmup_steps, 1), 1.0)
    return final_ratio + (1 - final_ratio) * 0.5 * (1 + math.cos(math.pi * done))


def build_optimizer(
    module: nn.Module,
    net: VideoSegmenter,
    config: OptimConfig,
    *,
    total_steps: Callable[[], float],
) -> tuple[AdamW, LambdaLR]:
    """The optimizer and its per-step schedule for all trainable parameters of a module.

    Args:
        module: Whose parameters are trained.
        net: The network inside it.
        config: Rates and decay.
        total_steps: Steps of the whole run. A function, because Lightning 2.6.6 sets up the
            training loader to answer, and one that is set up while optimizers are configured would
            not know of the checkpoint that is restored afterwards.

    Raises:
        PvuwError: If nothing can be trained.
    """
    groups = [group.for_optimizer() for group in parameter_groups(module, net, config)]
    if not groups:
        raise PvuwError(
            f"{type(net).__name__} has no weights to train, or all are frozen; choose another "
            "network for `fit`, or freeze less"
        )
    optimizer = AdamW(groups, lr=config.lr, betas=config.betas)
    factor = partial(
        rate_factor,
        warmup_steps=config.warmup_steps,
        total_steps=total_steps,
        final_ratio=config.final_lr_ratio,
        drops=config.drops,
    )
    return optimizer, LambdaLR(optimizer, factor)
