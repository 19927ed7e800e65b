"""Rotary attention whose tables are made on the CPU and follow the module from device to device."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from sam2.modeling.position_encoding import compute_axial_cis
from sam2.modeling.sam.transformer import Attention, RoPEAttention
from torch import Tensor


class PortableRoPEAttention(RoPEAttention):  # type: ignore[misc]
    """Upstream's attention with the same weights and values, safe on every device and in training.

    Upstream puts its rotation table on `cuda:0` as soon as CUDA exists, and otherwise moves or
    recomputes it during the first forward. Inside `torch.inference_mode` that leaves an inference
    tensor behind, and the next training step fails. Here the table is made on the CPU and moves
    with the parameters. It is no buffer because `module.to(bfloat16)` would cast it from complex.

    Args:
        rope_theta: Base of the rotation frequencies.
        rope_k_repeat: Repeat the table for keys that hold several maps (cross-attention).
        feat_sizes: Width and height of the feature map in cells.
        attention: Remaining arguments of upstream's `Attention`.
    """

    def __init__(
        self,
        *,
        rope_theta: float = 10000.0,
        rope_k_repeat: bool = False,
        feat_sizes: tuple[int, int] = (64, 64),
        **attention: Any,
    ) -> None:
        # RoPEAttention.__init__ is skipped on purpose: it allocates on the GPU.
        Attention.__init__(self, **attention)
        dim = self.internal_dim // self.num_heads
        self.compute_cis = partial(compute_axial_cis, dim=dim, theta=rope_theta)
        self.freqs_cis = self.compute_cis(end_x=feat_sizes[0], end_y=feat_sizes[1])
        self.rope_k_repeat = rope_k_repeat

    def _apply(
        self, fn: Callable[[Tensor], Tensor], recurse: bool = True
    ) -> "PortableRoPEAttention":
        """Move the table along when the module moves."""
        super()._apply(fn, recurse)
        with torch.inference_mode(False):
            self.freqs_cis = self.freqs_cis.to(self.q_proj.weight.device)
        return self
