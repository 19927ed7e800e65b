"""Activation checkpointing: parts of SAM 2 forget their activations and compute them again."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Literal, get_args

from sam2.modeling.sam2_base import SAM2Base
from torch import nn
from torch.utils.checkpoint import checkpoint

RecomputedPart = Literal["image_encoder", "memory_attention", "memory_encoder", "mask_decoder"]
RECOMPUTED_PARTS: tuple[RecomputedPart, ...] = get_args(RecomputedPart)
"""Parts that can forget their activations."""
WORTHWHILE_PARTS: tuple[RecomputedPart, ...] = (
    "image_encoder",
    "memory_attention",
    "memory_encoder",
)
"""Those that hold most; the mask decoder holds little for its time, and runs after every click."""


@contextmanager
def recompute_activations(model: SAM2Base, parts: Sequence[RecomputedPart]) -> Iterator[None]:
    """Let parts that run inside the context keep their inputs only, until backward.

    Values and gradients stay the same bit for bit, dropout included, since random states are
    restored. Modules are not wrapped: names of weights, hooks and copies stay as they are.

    Args:
        model: The network.
        parts: Which of its parts; the image encoder and memory attention forget block by block.
    """
    with ExitStack() as stack:
        for part in parts:
            for module in _modules(model, part):
                stack.enter_context(_forgetful(module))
        yield


def _modules(model: SAM2Base, part: RecomputedPart) -> list[nn.Module]:
    modules: dict[RecomputedPart, list[nn.Module]] = {
        "image_encoder": list(model.image_encoder.trunk.blocks),
        "memory_attention": list(model.memory_attention.layers),
        "memory_encoder": [model.memory_encoder],
        "mask_decoder": [model.sam_prompt_encoder.mask_downscaling, model.sam_mask_decoder],
    }
    return modules[part]


_KEPT = "_forgetful_forward"


@contextmanager
def _forgetful(module: nn.Module) -> Iterator[None]:
    before = module.__dict__.get("forward")
    # One and the same object every time: torch.compile translates anew for a new one.
    kept = module.__dict__.get(_KEPT)
    if kept is None or kept.args[0] != module.forward:
        kept = partial(checkpoint, module.forward, use_reentrant=False)
        module.__dict__[_KEPT] = kept
    module.__dict__["forward"] = kept
    try:
        yield
    finally:
        del module.__dict__["forward"]
        if before is not None:
            module.__dict__["forward"] = before
