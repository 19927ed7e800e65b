"""What encoder, decoder and mask head are made of."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MapSizes = list[tuple[int, int]]
"""Height and width of each level's map, finest first."""


class Mlp(nn.Module):
    """Linear layers with ReLU in between.

    Args:
        sizes: Channels before, between and after them.
    """

    def __init__(self, *sizes: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(before, after) for before, after in pairwise(sizes))

    def forward(self, features: Tensor) -> Tensor:
        """Float `[..., sizes[-1]]` from `[..., sizes[0]]`."""
        *hidden, final = self.layers
        for layer in hidden:
            features = F.relu(layer(features))
        out: Tensor = final(features)
        return out


class DeformableAttention(nn.Module):
    """Attention to a few places around a reference, of each level (Zhu et al. 2021).

    Paper: https://arxiv.org/abs/2010.04159, eq. 3. Pure PyTorch: values are read by `grid_sample`,
    one level after the other, and summed as they come, so that no level's samples are kept for the
    next ones but for backward.

    Args:
        width: Channels.
        heads: Number of heads.
        levels: Number of maps.
        points: Places of each head on each map.
    """

    def __init__(self, width: int, heads: int, levels: int, points: int) -> None:
        super().__init__()
        self.heads, self.levels, self.points = heads, levels, points
        self.sampling_offsets = nn.Linear(width, heads * levels * points * 2)
        self.attention_weights = nn.Linear(width, heads * levels * points)
        self.value_proj = nn.Linear(width, width)
        self.output_proj = nn.Linear(width, width)

    def forward(
        self, queries: Tensor, references: Tensor, values: Tensor, maps: MapSizes
    ) -> Tensor:
        """What is read at the places asked for, float `[B, Q, C]`.

        Args:
            queries: What asks, with its place, float `[B, Q, C]`.
            references: Where: column and row in 0..1 `[B, Q, 2]`, or a box `[B, Q, 4]`, within
                which the places are spread.
            values: All levels' cells, by rows, finest level first, float `[B, S, C]`.
            maps: Their sizes.
        """
        batch, count, width = queries.shape
        shape = (batch, count, self.heads, self.levels, self.points)
        offsets = self.sampling_offsets(queries).view(*shape, 2)
        weights = self.attention_weights(queries).view(*shape[:3], -1).softmax(-1).view(shape)
        projected = self.value_proj(values).view(batch, -1, self.heads, width // self.heads)
        levels = projected.split([h * w for h, w in maps], 1)
        summed = values.new_zeros(batch * self.heads, width // self.heads, count)
        for level, (height, cells) in enumerate(maps):
            steps = offsets[:, :, :, level]
            if references.shape[-1] == 2:
                place = references[:, :, None, None]
                steps = steps / steps.new_tensor([cells, height])
            else:
                place = references[:, :, None, None, :2]
                steps = steps / self.points * references[:, :, None, None, 2:] * 0.5
            grid = (2 * (place + steps) - 1).transpose(1, 2).flatten(0, 1)
            plane = levels[level].permute(0, 2, 3, 1).flatten(0, 1).unflatten(-1, (height, cells))
            samples = F.grid_sample(plane, grid, align_corners=False)
            share = weights[:, :, :, level].transpose(1, 2).reshape(-1, count, self.points)
            summed = summed + torch.einsum("bcqp,bqp->bcq", samples, share)
        joined = summed.view(batch, width, count).transpose(1, 2)
        out: Tensor = self.output_proj(joined)
        return out


class DecoderLayer(nn.Module):
    """Queries look at each other, at the words and at the image.

    Args:
        width: Channels.
        heads: Heads of all attentions.
        levels: Maps of the image.
        points: Places looked at on each.
        hidden: Width inside the feed-forward part.
    """

    def __init__(self, width: int, heads: int, levels: int, points: int, hidden: int) -> None:
        super().__init__()
        self.cross_attn = DeformableAttention(width, heads, levels, points)
        self.norm1 = nn.LayerNorm(width)
        self.ca_text = nn.MultiheadAttention(width, heads, batch_first=True)
        self.catext_norm = nn.LayerNorm(width)
        self.self_attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm2 = nn.LayerNorm(width)
        self.linear1 = nn.Linear(width, hidden)
        self.linear2 = nn.Linear(hidden, width)
        self.norm3 = nn.LayerNorm(width)

    def forward(
        self,
        queries: Tensor,
        places: Tensor,
        boxes: Tensor,
        words: Tensor,
        values: Tensor,
        maps: MapSizes,
        *,
        look: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Queries after the layer, and how much each looked at each other.

        Args:
            queries: Float `[B, Q, C]`.
            places: Codes of their boxes, float `[B, Q, C]`.
            boxes: Float `[B, Q, 4]`.
            words: Features of the words, float `[B, L, C]`.
            values: Cells of the image's maps, float `[B, S, C]`.
            maps: Their sizes.
            look: Give the mean over heads of the self-attention, float `[B, Q, Q]`.
        """
        placed = queries + places
        seen, attention = self.self_attn(placed, placed, queries, need_weights=look)
        queries = self.norm2(queries + seen)
        read, _ = self.ca_text(queries + places, words, words, need_weights=False)
        queries = self.catext_norm(queries + read)
        queries = self.norm1(queries + self.cross_attn(queries + places, boxes, values, maps))
        queries = self.norm3(queries + self.linear2(F.relu(self.linear1(queries))))
        return queries, attention
