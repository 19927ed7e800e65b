"""The fusion encoder: image and words look at each other before either is looked at."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pvuw.nets.referdino.config import ReferDinoConfig
from pvuw.nets.referdino.layers import DeformableAttention, MapSizes
from pvuw.nets.referdino.positions import cell_centres, sine_code

LEVELS, POINTS = 4, 4
_LIMIT = 50000.0
"""Attention logits are kept within this, as in the release."""


class BothWaysAttention(nn.Module):
    """One product of image and words, read once by rows and once by columns (Li et al. 2022, GLIP).

    Paper: https://arxiv.org/abs/2112.03857.
    """

    def __init__(self, width: int, inner: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.v_proj = nn.Linear(width, inner)
        self.l_proj = nn.Linear(width, inner)
        self.values_v_proj = nn.Linear(width, inner)
        self.values_l_proj = nn.Linear(width, inner)
        self.out_v_proj = nn.Linear(inner, width)
        self.out_l_proj = nn.Linear(inner, width)

    def forward(self, image: Tensor, words: Tensor) -> tuple[Tensor, Tensor]:
        """What each side reads from the other: `[B, S, C]` and `[B, L, C]` from the same."""
        query, from_image = self._split(self.v_proj(image)), self._split(self.values_v_proj(image))
        key, from_words = self._split(self.l_proj(words)), self._split(self.values_l_proj(words))
        product = query * query.shape[-1] ** -0.5 @ key.transpose(-1, -2)  # [B, heads, S, L]
        product = product.clamp(-_LIMIT, _LIMIT)
        seen = product.softmax(-1) @ from_words
        shown = product.softmax(-2).transpose(-1, -2) @ from_image
        return self.out_v_proj(self._join(seen)), self.out_l_proj(self._join(shown))

    def _split(self, features: Tensor) -> Tensor:
        batch, count, _ = features.shape
        return features.view(batch, count, self.heads, -1).transpose(1, 2)

    @staticmethod
    def _join(features: Tensor) -> Tensor:
        return features.transpose(1, 2).flatten(-2)


class FusionLayer(nn.Module):
    """Adds to image and words what they read from each other, scaled by channel."""

    def __init__(self, width: int, inner: int, heads: int, drop_path: float) -> None:
        super().__init__()
        self.layer_norm_v = nn.LayerNorm(width)
        self.layer_norm_l = nn.LayerNorm(width)
        self.attn = BothWaysAttention(width, inner, heads)
        self.gamma_v = nn.Parameter(1e-4 * torch.ones(width))
        self.gamma_l = nn.Parameter(1e-4 * torch.ones(width))
        self.drop_path = drop_path

    def forward(self, image: Tensor, words: Tensor) -> tuple[Tensor, Tensor]:
        """Image `[B, S, C]` and words `[B, L, C]`, both normalised and added to."""
        image, words = self.layer_norm_v(image), self.layer_norm_l(words)
        seen, shown = self.attn(image, words)
        return (
            image + self._dropped(self.gamma_v * seen),
            words + self._dropped(self.gamma_l * shown),
        )

    def _dropped(self, change: Tensor) -> Tensor:
        """In training, a frame's change is left out with the probability `drop_path`."""
        if not self.training or not self.drop_path:
            return change
        keep = 1 - self.drop_path
        return change * (torch.rand_like(change[:, :1, :1]) < keep) / keep


class TextLayer(nn.Module):
    """The words of a phrase look at each other."""

    def __init__(self, width: int, hidden: int, heads: int) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.linear1 = nn.Linear(width, hidden)
        self.linear2 = nn.Linear(hidden, width)
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)

    def forward(self, words: Tensor, places: Tensor, apart: Tensor) -> Tensor:
        """Words after the layer, float `[B, L, C]`.

        Args:
            words: Float `[B, L, C]`.
            places: Codes of their places in their phrases, float `[L, C]`.
            apart: True where one word does not see another, bool `[L, L]`.
        """
        placed = words + places
        read, _ = self.self_attn(placed, placed, words, attn_mask=apart, need_weights=False)
        words = self.norm1(words + read)
        out: Tensor = self.norm2(words + self.linear2(F.relu(self.linear1(words))))
        return out


class ImageLayer(nn.Module):
    """The cells of an image's maps look at a few others."""

    def __init__(self, width: int, hidden: int, heads: int) -> None:
        super().__init__()
        self.self_attn = DeformableAttention(width, heads, LEVELS, POINTS)
        self.norm1 = nn.LayerNorm(width)
        self.linear1 = nn.Linear(width, hidden)
        self.linear2 = nn.Linear(hidden, width)
        self.norm2 = nn.LayerNorm(width)

    def forward(self, cells: Tensor, places: Tensor, centres: Tensor, maps: MapSizes) -> Tensor:
        """Cells after the layer, float `[B, S, C]`.

        Args:
            cells: Float `[B, S, C]`.
            places: Codes of place and level, float `[S, C]`.
            centres: Column and row of each, in 0..1, float `[S, 2]`.
            maps: Sizes of the maps.
        """
        centres = centres.expand(len(cells), -1, -1)
        cells = self.norm1(cells + self.self_attn(cells + places, centres, cells, maps))
        out: Tensor = self.norm2(cells + self.linear2(F.relu(self.linear1(cells))))
        return out


class FusionEncoder(nn.Module):
    """Layers of fusion, text and image, in turns (Liu et al. 2023, Grounding DINO).

    Paper: https://arxiv.org/abs/2303.05499.
    """

    def __init__(self, config: ReferDinoConfig, *, drop_path: float = 0.1) -> None:
        super().__init__()
        width, hidden, heads = config.width, config.hidden, config.heads
        count = range(config.encoder_layers)
        self.layers = nn.ModuleList(ImageLayer(width, hidden, heads) for _ in count)
        self.text_layers = nn.ModuleList(TextLayer(width, hidden // 2, heads // 2) for _ in count)
        self.fusion_layers = nn.ModuleList(
            FusionLayer(width, hidden // 2, heads // 2, drop_path) for _ in count
        )

    def forward(
        self,
        cells: Tensor,
        places: Tensor,
        maps: MapSizes,
        words: Tensor,
        word_places: Tensor,
        apart: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Cells and words after all layers, float `[B, S, C]` and `[B, L, C]`.

        Args:
            cells: Of all levels, finest first, float `[B, S, C]`.
            places: Codes of their place and level, float `[S, C]`.
            maps: Sizes of the maps.
            words: Float `[B, L, C]`.
            word_places: Place of each word in its phrase, int64 `[L]`.
            apart: True where one word does not see another, bool `[L, L]`.
        """
        code = sine_code(word_places.float(), words.shape[-1])
        centres = torch.cat([cell_centres(h, w, cells.device) for h, w in maps])
        for fuse, read, look in zip(self.fusion_layers, self.text_layers, self.layers, strict=True):
            cells, words = fuse(cells, words)
            words = read(words, code, apart)
            cells = look(cells, places, centres, maps)
        return cells, words
