"""Parameter groups, optimizer and learning-rate schedule."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from torch import nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR


@dataclass
class OptimConfig:
    """AdamW with a linear warm-up and a cosine down to a share of the peak rate."""

    lr: float = 5e-6
    """Peak learning rate; SAM 2's MOSE fine-tuning uses 5e-6."""
    weight_decay: float = 0.1
    """Decay of weights with two or more dimensions; biases and norms get none."""
    betas: tuple[float, float] = (0.9, 0.999)
    """AdamW's averaging factors."""
    warmup_steps: int = 0
    """Optimizer steps from 0 to `lr`."""
    final_lr_ratio: float = 0.1
    """Rate after the last step, as a share of `lr`."""

    def __post_init__(self) -> None:
        if self.lr <= 0:
            raise ValueError(f"optim.lr must be above 0, got {self.lr}")
        if not 0 <= self.final_lr_ratio <= 1:
            raise ValueError(f"optim.final_lr_ratio must be in 0..1, got {self.final_lr_ratio}")


def parameter_groups(
    named_parameters: Iterable[tuple[str, nn.Parameter]], weight_decay: float
) -> list[dict[str, object]]:
    """Two groups for an optimizer: weights that decay, then biases, norms and scalars that do not.

    Parameters that need no gradient are left out.
    """
    trained = [(n, p) for n, p in named_parameters if p.requires_grad]
    decayed = [p for _, p in trained if p.ndim >= 2]
    kept = [p for _, p in trained if p.ndim < 2]
    return [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": kept, "weight_decay": 0.0},
    ]


def rate_factor(
    step: int, *, warmup_steps: int, total_steps: Callable[[], float], final_ratio: float
) -> float:
    """Share of the peak rate at an optimizer step.

    Args:
        step: Optimizer steps taken.
        warmup_steps: Steps of the linear warm-up.
        total_steps: Steps of the whole run; asked for after the warm-up only.
        final_ratio: Share of the peak rate at the end.

    Example:
        >>> schedule = partial(
        ...     rate_factor, warmup_steps=2, total_steps=lambda: 6, final_ratio=0.0
        ... )
        >>> [schedule(step) for step in (0, 1, 2, 4, 6)]
        [0.5, 1.0, 1.0, 0.5, 0.0]
    """
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    if step == warmup_steps:
        return 1.0
    done = min((step - warmup_steps) / max(total_steps() - warmup_steps, 1), 1.0)
    return final_ratio + (1 - final_ratio) * 0.5 * (1 + math.cos(math.pi * done))


def build_optimizer(
    module: nn.Module, config: OptimConfig, *, total_steps: Callable[[], float]
) -> tuple[AdamW, LambdaLR]:
    """The optimizer and its per-step schedule for all trainable parameters of a module.

    Args:
        module: Whose parameters are trained.
        config: Rates and decay.
        total_steps: Steps of the whole run. A function, because Lightning 2.6.6 sets up the
            training loader to answer, and one that is set up while optimizers are configured would
            not know of the checkpoint that is restored afterwards.
    """
    groups = parameter_groups(module.named_parameters(), config.weight_decay)
    optimizer = AdamW(groups, lr=config.lr, betas=config.betas)
    factor = partial(
        rate_factor,
        warmup_steps=config.warmup_steps,
        total_steps=total_steps,
        final_ratio=config.final_lr_ratio,
    )
    return optimizer, LambdaLR(optimizer, factor)
