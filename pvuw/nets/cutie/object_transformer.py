"""Object queries that talk to the pixels of a memory readout, and back.

Cheng et al. (2024), "Putting the Object Back into Video Object Segmentation", sections 3.2 and 3.3,
https://arxiv.org/abs/2310.12982. Shared with LiVOS.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pvuw.nets.cutie.blocks import ChannelAttentionBlock
from pvuw.nets.cutie.clips import competing_logits, strongest
from pvuw.nets.cutie.positions import SinePositions

_EPS = 1e-4


class ObjectTransformer(nn.Module):
    """Refines the readout of each object with a few queries that stand for the whole object.

    Half of an object's queries read only where the object is at present the likeliest, the other
    half only where it is not, as told by a mask predicted before each block. The queries start from
    learned vectors plus the object's long-term summary.

    Args:
        dim: Channels of pixels and queries.
        num_queries: Queries per object, even.
        num_blocks: Rounds of reading and writing.
        num_heads: Heads of every attention.
        feedforward_dim: Width of the queries' feed-forward layers.
    """

    def __init__(
        self,
        dim: int,
        *,
        num_queries: int = 16,
        num_blocks: int = 3,
        num_heads: int = 8,
        feedforward_dim: int = 2048,
    ) -> None:
        super().__init__()
        self.num_queries = num_queries
        self.num_heads = num_heads
        self.query_init = nn.Embedding(num_queries, dim)
        self.query_emb = nn.Embedding(num_queries, dim)
        self.summary_to_query_init = nn.Linear(dim, dim)
        self.summary_to_query_emb = nn.Linear(dim, dim)
        self.pixel_init_proj = nn.Conv2d(dim, dim, kernel_size=1)
        self.pixel_emb_proj = nn.Conv2d(dim, dim, kernel_size=1)
        self.spatial_pe = SinePositions(dim)
        self.blocks = nn.ModuleList(
            _Block(dim, num_heads=num_heads, feedforward_dim=feedforward_dim)
            for _ in range(num_blocks)
        )
        self.mask_pred = nn.ModuleList(
            nn.Sequential(nn.ReLU(), nn.Conv2d(dim, 1, kernel_size=1))
            for _ in range(num_blocks + 1)
        )

    def forward(
        self, readout: Tensor, summaries: Tensor, counts: Sequence[int]
    ) -> tuple[Tensor, list[Tensor]]:
        """Refined readouts, and the masks that steered the blocks.

        Args:
            readout: What each object read from memory, float `[O, C, h, w]`.
            summaries: Sums of features and, last, of weights: float `[O, Q, C + 1]`.
            counts: Objects of each clip, `O` in all.

        Returns:
            Pixels `[O, C, h, w]`, and per block the logits `[O, h, w]` that it was steered by.
        """
        values = summaries[..., :-1] / (summaries[..., -1:] + _EPS)
        queries = self.query_init.weight + self.summary_to_query_init(values)
        query_places = self.query_emb.weight + self.summary_to_query_emb(values)
        positions = self.spatial_pe((readout.shape[-2], readout.shape[-1])).flatten(0, 1)
        pixel_places = positions + self.pixel_emb_proj(readout).flatten(2).transpose(1, 2)
        pixels = self.pixel_init_proj(readout)
        levels = []
        for level, block in enumerate(self.blocks):
            levels.append(self.level_logits(pixels, level))
            blocked = self._blocked(levels[-1], counts)
            queries, pixels = block(queries, pixels, query_places, pixel_places, blocked)
        return pixels, levels

    def level_logits(self, pixels: Tensor, level: int) -> Tensor:
        """Mask logits `[O, h, w]` before block `level`; level `num_blocks` is after the last."""
        logits: Tensor = self.mask_pred[level](pixels)
        return logits[:, 0]

    def _blocked(self, logits: Tensor, counts: Sequence[int]) -> Tensor:
        """Pixels each query must not read, bool `[O * heads, Q, h * w]`."""
        own = strongest(*competing_logits(logits.sigmoid(), counts), counts).flatten(1)
        blocked = torch.stack([~own, own], dim=1)  # [O, 2, hw]
        # A query with nothing left to read reads everything.
        blocked = blocked & ~blocked.all(dim=-1, keepdim=True)
        by_query = blocked.repeat_interleave(self.num_queries // 2, dim=1)
        return by_query.repeat_interleave(self.num_heads, dim=0)


class _Block(nn.Module):
    """Queries read pixels, talk among themselves, and pixels read queries."""

    def __init__(self, dim: int, *, num_heads: int, feedforward_dim: int) -> None:
        super().__init__()
        self.read_from_pixel = _CrossAttention(dim, num_heads, norm=nn.LayerNorm(dim))
        self.self_attn = _SelfAttention(dim, num_heads)
        self.ffn = _Feedforward(dim, feedforward_dim)
        self.read_from_query = _CrossAttention(dim, num_heads, norm=nn.Identity())
        self.pixel_ffn = _PixelFeedforward(dim)

    def forward(
        self,
        queries: Tensor,
        pixels: Tensor,
        query_places: Tensor,
        pixel_places: Tensor,
        blocked: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Queries `[O, Q, C]` and pixels `[O, C, h, w]` after one round."""
        flat = pixels.flatten(2).transpose(1, 2).contiguous()  # [O, hw, C]
        queries = self.read_from_pixel(queries, flat, query_places, pixel_places, blocked)
        queries = self.ffn(self.self_attn(queries, query_places))
        flat = self.read_from_query(flat, queries, pixel_places, query_places)
        return queries, self.pixel_ffn(flat.transpose(1, 2).reshape(pixels.shape))


class _CrossAttention(nn.Module):
    """Attention to something else; places are added to queries and keys, not to values."""

    def __init__(self, dim: int, num_heads: int, *, norm: nn.Module) -> None:
        super().__init__()
        self.cross_attn = nn.MultiheadAttention(dim, num_heads, batch_first=True)
        self.norm = norm

    def forward(
        self,
        x: Tensor,
        memory: Tensor,
        x_places: Tensor,
        memory_places: Tensor,
        blocked: Tensor | None = None,
    ) -> Tensor:
        normed: Tensor = self.norm(x)
        read, _ = self.cross_attn(
            normed + x_places, memory + memory_places, memory, attn_mask=blocked, need_weights=False
        )
        after: Tensor = normed + read  # on what is normalised, unlike a usual residual
        return after


class _SelfAttention(nn.Module):
    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(dim, num_heads, batch_first=True)
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor, places: Tensor) -> Tensor:
        normed: Tensor = self.norm(x)
        placed = normed + places
        read, _ = self.self_attn(placed, placed, normed, need_weights=False)
        after: Tensor = normed + read
        return after


class _Feedforward(nn.Module):
    def __init__(self, dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.linear1 = nn.Linear(dim, hidden_dim)
        self.linear2 = nn.Linear(hidden_dim, dim)
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor) -> Tensor:
        change: Tensor = self.linear2(self.linear1(self.norm(x)).relu())
        return x + change


class _PixelFeedforward(nn.Module):
    """The pixels' own layer; its name in checkpoints has one more part than the block's."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.conv = ChannelAttentionBlock(dim)

    def forward(self, pixels: Tensor) -> Tensor:
        refined: Tensor = self.conv(pixels)
        return refined
