"""Objects compete for what is read from memory.

After the idea of a competitive memory readout, in which memories of competitors take part in one
readout and what they took wrongly is restored; it came second on MOSEv2 in LSVOS 2026 without
training (arXiv 2608.22064). Only that description was at hand: the formulas here are ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from sam2.modeling.position_encoding import apply_rotary_enc
from torch import Tensor, nn

from pvuw.nets.sam2.fusion import ReadoutGate

_ROWS = 1024
"""Cells of a frame whose attention logits are held at once."""


@dataclass(frozen=True)
class Competition:
    """A cell that another object's memory explains better takes less from an object's memory.

    In every layer of memory attention each object shows the memory of its nearest prompted and its
    newest frame, its portrait. The evidence of object `k` at a cell of object `i` is the logarithm
    of the mean of `exp(q_i k)` over its portrait; `p` is the softmax of the evidence over all `K`
    objects, at `i` itself. What `i` reads is multiplied by `restored + (1 - restored) min(1, K p)`:
    all of it where `i` explains the cell at least as well as objects do on average, which is
    everywhere where no portrait stands out, and less where others do. An object alone is read as
    ever. Costs the attention logits of every object's cells to every portrait.

    Args:
        restored: Share of what is read that no competitor can take.
    """

    restored: float = 0.0

    def __post_init__(self) -> None:
        """Refuse values that have no meaning."""
        if not 0 <= self.restored <= 1:
            raise ValueError(f"restored must be from 0 to 1, got {self.restored}")

    def gate(self, portraits: Sequence[Tensor], own: Sequence[int]) -> ReadoutGate:
        """What the readout of some objects is multiplied by.

        Args:
            portraits: Memory plus positions of every object, float `[L, C]` each.
            own: For each object that reads, in order, which portrait is its own.
        """

        def gate(layer: nn.Module, tokens: Tensor) -> Tensor:
            evidence = torch.stack([portrait_evidence(layer, tokens, p) for p in portraits], -1)
            mine = torch.tensor(own, device=tokens.device).view(-1, 1, 1)
            share = evidence.softmax(-1).gather(-1, mine.expand(*tokens.shape[:2], 1))
            fair = (share * len(portraits)).clamp(max=1.0)
            gated: Tensor = self.restored + (1 - self.restored) * fair
            return gated.to(tokens.dtype)

        return gate


def portrait_evidence(layer: nn.Module, tokens: Tensor, portrait: Tensor) -> Tensor:
    """Logarithm of the mean of `exp(q k)` of each cell over a portrait, float32 `[N, hw]`.

    Args:
        layer: A layer of memory attention.
        tokens: The objects' cells before the layer reads memory, float `[N, hw, D]`.
        portrait: Memory plus positions of one object, float `[L, C]`, `L` a multiple of `hw`.
    """
    modules: Any = layer
    attention = modules.cross_attn_image
    query = attention._separate_heads(
        attention.q_proj(modules.norm2(tokens)), attention.num_heads
    )  # [N, heads, hw, D]
    key = attention._separate_heads(attention.k_proj(portrait[None]), attention.num_heads)
    table = attention.freqs_cis.to(query.device)
    if table.shape[0] != query.shape[-2]:  # a session at another scale, before its first readout
        side = int(query.shape[-2] ** 0.5)
        table = attention.compute_cis(end_x=side, end_y=side).to(query.device)
    query, key = apply_rotary_enc(query, key, freqs_cis=table, repeat_freqs_k=True)
    query = query / query.shape[-1] ** 0.5
    means = [
        (rows @ key.transpose(-2, -1)).float().logsumexp(-1).mean(1)
        for rows in query.split(_ROWS, dim=-2)
    ]
    return torch.cat(means, dim=-1) - torch.tensor(float(portrait.shape[0])).log().item()
