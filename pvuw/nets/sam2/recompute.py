"""Activation checkpointing: parts of SAM 2 forget their activations and compute them again."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

from sam2.modeling.sam2_base import SAM2Base
from torch import nn
from torch.utils.checkpoint import checkpoint


@contextmanager
def recompute_activations(model: SAM2Base) -> Iterator[None]:
    """Let parts that run inside the context keep their inputs only, until backward.

    Values and gradients stay the same bit for bit, dropout included, since random states are
    restored. Modules are not wrapped: names of weights, hooks and copies stay as they are.

    Args:
        model: Its image encoder's blocks, memory attention's layers, memory encoder and mask
            decoder are affected.
    """
    with ExitStack() as stack:
        for module in _parts(model):
            stack.enter_context(_forgetful(module))
        yield


def _parts(model: SAM2Base) -> list[nn.Module]:
    return [
        *model.image_encoder.trunk.blocks,
        *model.memory_attention.layers,
        model.memory_encoder,
        model.sam_prompt_encoder.mask_downscaling,
        model.sam_mask_decoder,
    ]


@contextmanager
def _forgetful(module: nn.Module) -> Iterator[None]:
    before = module.__dict__.get("forward")
    module.__dict__["forward"] = partial(checkpoint, module.forward, use_reentrant=False)
    try:
        yield
    finally:
        del module.__dict__["forward"]
        if before is not None:
            module.__dict__["forward"] = before
