"""The decoder: queries find objects, and half of them are given up after every layer."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pvuw.nets.referdino.config import ReferDinoConfig
from pvuw.nets.referdino.fusion import LEVELS, POINTS
from pvuw.nets.referdino.layers import DecoderLayer, MapSizes, Mlp
from pvuw.nets.referdino.positions import box_code, cell_centres, logit


@dataclass(frozen=True)
class Proposals:
    """Cells of an image that queries begin at."""

    index: Tensor
    """Which cells, the best first, int64 `[T, Q]`."""
    boxes: Tensor
    """Float `[T, Q, 4]`, in 0..1."""
    anchors: Tensor
    """What these were moved from, float `[T, Q, 4]`, in 0..1."""
    features: Tensor
    """What they were judged by, float `[T, Q, C]`."""


@dataclass(frozen=True)
class Found:
    """Queries after one layer of the decoder, those that stay."""

    features: Tensor
    """Normalised, float `[T, Q, C]`."""
    boxes: Tensor
    """The boxes the layer began with, in 0..1, float `[T, Q, 4]`."""
    index: Tensor
    """Which of the layer's queries stay, the best first, int64 `[T, Q]`."""


def gathered(features: Tensor, index: Tensor) -> Tensor:
    """The rows `[T, K, ...]` of `[T, Q, ...]` that an index `[T, K]` names."""
    return features.gather(1, index[..., None].expand(-1, -1, features.shape[-1]))


def word_scores(features: Tensor, words: Tensor) -> Tensor:
    """How well each query fits the word it fits best, float `[T, Q]`.

    Args:
        features: Float `[T, Q, C]`.
        words: Float `[T, L, C]`.
    """
    return (features @ words.transpose(1, 2)).amax(-1)


class ProposalHead(nn.Module):
    """Chooses the cells of an image that fit the words best; its modules are the network's.

    Args:
        config: Size of the network.
    """

    def __init__(self, config: ReferDinoConfig) -> None:
        super().__init__()
        width = config.width
        self.queries = config.queries
        self.enc_output = nn.Linear(width, width)
        self.enc_output_norm = nn.LayerNorm(width)
        self.enc_out_bbox_embed = Mlp(width, width, width, 4)

    def forward(self, cells: Tensor, words: Tensor, maps: MapSizes) -> Proposals:
        """The proposals of each frame; where an image has fewer cells than queries, all of them.

        Args:
            cells: Of all levels, finest first, float `[T, S, C]`.
            words: Float `[T, L, C]`.
            maps: Sizes of the maps.
        """
        centres = torch.cat([cell_centres(h, w, cells.device) for h, w in maps])
        sides = torch.cat(
            [centres.new_full((h * w, 2), 0.05 * 2.0**level) for level, (h, w) in enumerate(maps)]
        )
        anchors = torch.cat([centres, sides], -1)
        usable = ((anchors > 0.01) & (anchors < 0.99)).all(-1, keepdim=True)
        anchors = (anchors / (1 - anchors)).log().masked_fill(~usable, float("inf"))
        judged = self.enc_output_norm(self.enc_output(cells.masked_fill(~usable, 0.0)))
        scores = word_scores(judged, words)
        index = scores.topk(min(self.queries, scores.shape[1]), 1).indices
        features = gathered(judged, index)
        chosen = anchors[index]
        boxes = self.enc_out_bbox_embed(features) + chosen
        return Proposals(index, boxes.sigmoid(), chosen.sigmoid(), features)


class PruningDecoder(nn.Module):
    """Layers that refine boxes, after each of which the better half of the queries stays.

    A query is as good as it fits its best word and as others look at it (Liang et al. 2025,
    ReferDINO, https://arxiv.org/abs/2501.14607).

    Args:
        config: Size of the network.
    """

    def __init__(self, config: ReferDinoConfig) -> None:
        super().__init__()
        width = config.width
        self.layers = nn.ModuleList(
            DecoderLayer(width, config.heads, LEVELS, POINTS, config.hidden)
            for _ in range(config.decoder_layers)
        )
        self.norm = nn.LayerNorm(width)
        self.ref_point_head = Mlp(2 * width, width, width)

    def forward(
        self,
        queries: Tensor,
        boxes: Tensor,
        words: Tensor,
        cells: Tensor,
        maps: MapSizes,
        box_head: nn.Module,
    ) -> list[Found]:
        """What stays after each layer.

        Args:
            queries: What the queries begin as, float `[T, Q, C]`.
            boxes: Where they begin, in 0..1, float `[T, Q, 4]`.
            words: Float `[T, L, C]`.
            cells: Of all levels, finest first, float `[T, S, C]`.
            maps: Sizes of the maps.
            box_head: Tells from a query how its box moves.
        """
        found = []
        for layer in self.layers:
            places = self.places(boxes)
            queries, attention = layer(queries, places, boxes, words, cells, maps, look=True)
            index = _better_half(word_scores(queries, words), attention)
            queries, before = gathered(queries, index), gathered(boxes, index)
            boxes = (box_head(queries) + logit(before)).sigmoid().detach()
            found.append(Found(self.norm(queries), before, index))
        return found

    def places(self, boxes: Tensor) -> Tensor:
        """Codes of boxes as queries carry them, float `[..., C]`."""
        width = self.norm.normalized_shape[0]
        code: Tensor = self.ref_point_head(box_code(boxes, width // 2))
        return code


def _better_half(scores: Tensor, attention: Tensor) -> Tensor:
    """Which queries stay, the best first, int64 `[T, ceil(Q / 2)]`.

    Args:
        scores: How well each fits its best word, float `[T, Q]`.
        attention: How much each (row) looks at each other (column), float `[T, Q, Q]`.
    """
    count = scores.shape[1]
    received = (attention * (1 - torch.eye(count, device=attention.device))).sum(1)
    gate = (scores.softmax(1) + received.softmax(1)) / 2
    return gate.topk(-(-count // 2), 1).indices
