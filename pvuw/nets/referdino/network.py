"""ReferDINO's modules, and what they make of frames and words."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from pvuw.nets.referdino.backbone import ImageEncoder, Projections, cell_places
from pvuw.nets.referdino.config import ReferDinoConfig
from pvuw.nets.referdino.decoder import Found, ProposalHead, Proposals, PruningDecoder, word_scores
from pvuw.nets.referdino.fusion import LEVELS, FusionEncoder
from pvuw.nets.referdino.layers import MapSizes, Mlp
from pvuw.nets.referdino.masks import MaskDecoder, PixelDecoder
from pvuw.nets.referdino.positions import logit
from pvuw.nets.referdino.temporal import TemporalDecoder
from pvuw.nets.referdino.text import TextEncoder, Words


class Images(NamedTuple):
    """What is seen in frames before anything is asked; serves every sentence."""

    finest: Tensor
    """Swin's map of stride 4, float `[T, C, h, w]`."""
    cells: Tensor
    """Of strides 8, 16, 32 and 64, float `[T, S, C]`."""
    maps: MapSizes


class Sentence(NamedTuple):
    """A sentence before it has seen a frame."""

    features: Tensor
    """Float `[1, L, C]`."""
    places: Tensor
    """Of its words in their phrases, int64 `[L]`."""
    apart: Tensor
    """True where one word does not see another, bool `[L, L]`."""


@dataclass(frozen=True)
class Detections:
    """What a sentence finds in frames, each by itself."""

    proposals: Proposals
    layers: list[Found]
    """After each layer of the decoder."""
    words: Tensor
    """The sentence's words after they saw the frame, float `[T, L, C]`."""
    cells: Tensor
    """The frames' cells after they saw the words, float `[T, S, C]`."""
    narrow: Tensor
    """Features that masks are made of, before they are widened, float `[T, C / 16, h, w]`."""


class Tracks(NamedTuple):
    """Queries of a whole video, sorted alike in all frames and looked at together."""

    queries: Tensor
    """Float `[T, Q, C]`."""
    boxes: Tensor
    """The boxes they were found with, in 0..1, float `[T, Q, 4]`."""


class ReferDinoModel(nn.Module):
    """ReferDINO (Liang et al. 2025, https://arxiv.org/abs/2501.14607).

    Args:
        config: Its size.
    """

    def __init__(self, config: ReferDinoConfig) -> None:
        super().__init__()
        width = config.width
        self.config = config
        self.backbone = ImageEncoder(config.swin)
        self.input_proj = Projections(config)
        self.text = TextEncoder(config.bert)
        self.feat_map = nn.Linear(config.bert.width, width)
        self.level_embed = nn.Parameter(torch.randn(LEVELS, width))
        self.tgt_embed = nn.Embedding(config.queries, width)
        self.encoder = FusionEncoder(config)
        self.proposals = ProposalHead(config)
        self.decoder = PruningDecoder(config)
        self.bbox_embed = Mlp(width, width, width, 4)
        self.temporal_decoder = TemporalDecoder(config)
        self.pixel_decoder = PixelDecoder(config)
        self.mask_decoder = MaskDecoder(config)

    def see(self, frames: Tensor) -> Images:
        """What is in frames, uint8 or float in 0..1, `[T, 3, H, W]`."""
        stages = self.backbone(frames)
        return Images(stages[0], *self.input_proj(stages))

    def read(self, words: Words) -> Sentence:
        """A sentence's features."""
        device = self.level_embed.device
        features = self.feat_map(self.text(words))
        places = torch.tensor(words.places, device=device)
        return Sentence(features, places, ~words.together.to(device))

    def detect(self, images: Images, sentence: Sentence) -> Detections:
        """What a sentence finds in frames, each by itself."""
        count, maps = len(images.cells), images.maps
        places = cell_places(maps, self.level_embed)
        words = sentence.features.expand(count, -1, -1)
        cells, words = self.encoder(
            images.cells, places, maps, words, sentence.places, sentence.apart
        )
        proposals = self.proposals(cells, words, maps)
        queries = self.tgt_embed.weight[: proposals.boxes.shape[1]].expand(count, -1, -1)
        boxes = proposals.boxes.detach()
        layers = self.decoder(queries, boxes, words, cells, maps, self.bbox_embed)
        narrow = self.pixel_decoder.narrow(*_pyramid(cells, maps, images.finest))
        return Detections(proposals, layers, words, cells, narrow)

    def scores(self, queries: Tensor, words: Tensor) -> Tensor:
        """Logits that each query is meant, float `[T, Q]`."""
        return word_scores(queries, words)

    def boxes(self, tracks: Tracks) -> Tensor:
        """Boxes of tracked queries: centre, width and height in 0..1, float `[T, Q, 4]`."""
        moved = self.bbox_embed(tracks.queries) + logit(tracks.boxes)
        return torch.sigmoid(moved)

    def masks(self, tracks: Tracks, words: Tensor, narrow: Tensor) -> Tensor:
        """Mask logits of some frames, float `[T, Q, h, w]`, of stride 4.

        Args:
            tracks: Of these frames, all queries, for they look at each other.
            words: Of these frames, float `[T, L, C]`.
            narrow: See `Detections`.
        """
        logits: Tensor = self.mask_decoder(
            tracks.queries,
            self.decoder.places(tracks.boxes),
            tracks.boxes,
            words,
            self.pixel_decoder.widen(narrow),
        )
        return logits


def _pyramid(cells: Tensor, maps: MapSizes, finest: Tensor) -> tuple[Tensor, list[Tensor]]:
    """The map of stride 32, and those of strides 16, 8 and 4."""
    levels = torch.split(cells, [height * width for height, width in maps], 1)
    eighth, sixteenth, coarse = (
        level.transpose(1, 2).reshape(len(cells), -1, height, width)
        for level, (height, width) in zip(levels[:3], maps[:3], strict=True)
    )
    return coarse, [sixteenth, eighth, finest]
