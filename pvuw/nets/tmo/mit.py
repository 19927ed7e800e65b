"""The Mix Transformer MiT-b1 under the weight names that TMO's published checkpoint has.

Xie et al., 2021, "SegFormer", section 3.1, https://arxiv.org/abs/2105.15203: four stages, each an
overlapping patch embedding and two blocks of self-attention with shortened keys (eq. 2) and a
feed-forward layer with a depth-wise convolution in place of position codes (eq. 3).
"""

from torch import Tensor, nn
from torch.nn import functional
from torchvision.ops import StochasticDepth

WIDTHS = (64, 128, 320, 512)
_HEADS = (1, 2, 5, 8)
_SHORTENING = (8, 4, 2, 1)
"""Keys and values of a stage are taken from a grid this many times coarser."""
_BLOCKS = 2
_MLP_RATIO = 4
_DROP_PATH = 0.1
"""Chance to skip the last block in training; earlier ones in proportion, the first never."""


class MixTransformer(nn.Module):
    """MiT-b1: maps at 1/4, 1/8, 1/16 and 1/32 of the image, 64, 128, 320 and 512 channels."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = _Stages()

    def forward(self, image: Tensor) -> list[Tensor]:
        """Maps `[B, C, H/s, W/s]`, finest first, of a normalised image `[B, 3, H, W]`."""
        maps: list[Tensor] = []
        for stage in range(len(WIDTHS)):
            maps.append(self.encoder.run_stage(stage, maps[-1] if maps else image))
        return maps


class _Stages(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        widths_in = (3, *WIDTHS[:-1])
        self.patch_embeddings = nn.ModuleList(
            _PatchEmbedding(width_in, width, kernel=3 if i else 7, stride=2 if i else 4)
            for i, (width_in, width) in enumerate(zip(widths_in, WIDTHS, strict=True))
        )
        last = len(WIDTHS) * _BLOCKS - 1
        self.block = nn.ModuleList(
            nn.ModuleList(_Block(i, _DROP_PATH * (i * _BLOCKS + j) / last) for j in range(_BLOCKS))
            for i in range(len(WIDTHS))
        )
        self.layer_norm = nn.ModuleList(nn.LayerNorm(width) for width in WIDTHS)

    def run_stage(self, stage: int, x: Tensor) -> Tensor:
        tokens, size_hw = self.patch_embeddings[stage](x)
        blocks = self.block[stage]
        assert isinstance(blocks, nn.ModuleList)
        for block in blocks:
            tokens = block(tokens, size_hw)
        out: Tensor = _to_map(self.layer_norm[stage](tokens), size_hw)
        return out


class _PatchEmbedding(nn.Module):
    def __init__(self, width_in: int, width: int, *, kernel: int, stride: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(width_in, width, kernel, stride, kernel // 2)
        self.layer_norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[int, int]]:
        x = self.proj(x)
        return self.layer_norm(_to_tokens(x)), (x.shape[-2], x.shape[-1])


class _Block(nn.Module):
    def __init__(self, stage: int, drop_path: float) -> None:
        super().__init__()
        width = WIDTHS[stage]
        self.layer_norm_1 = nn.LayerNorm(width)
        self.attention = _Attention(width, heads=_HEADS[stage], shortening=_SHORTENING[stage])
        self.layer_norm_2 = nn.LayerNorm(width)
        self.mlp = _MixMlp(width)
        self.drop_path = StochasticDepth(drop_path, "row")

    def forward(self, x: Tensor, size_hw: tuple[int, int]) -> Tensor:
        x = x + self.drop_path(self.attention(self.layer_norm_1(x), size_hw))
        out: Tensor = x + self.drop_path(self.mlp(self.layer_norm_2(x), size_hw))
        return out


class _Attention(nn.Module):
    """Self-attention and its output layer, apart as the names want it."""

    def __init__(self, width: int, *, heads: int, shortening: int) -> None:
        super().__init__()
        self.self = _ShortenedAttention(width, heads=heads, shortening=shortening)
        self.output = nn.ModuleDict({"dense": nn.Linear(width, width)})

    def forward(self, x: Tensor, size_hw: tuple[int, int]) -> Tensor:
        mixed: Tensor = self.output["dense"](self.self(x, size_hw))
        return mixed


class _ShortenedAttention(nn.Module):
    def __init__(self, width: int, *, heads: int, shortening: int) -> None:
        super().__init__()
        self.heads, self.shortening = heads, shortening
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        if shortening > 1:
            self.sr = nn.Conv2d(width, width, shortening, shortening)
            self.layer_norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, size_hw: tuple[int, int]) -> Tensor:
        source = x
        if self.shortening > 1:
            source = self.layer_norm(_to_tokens(self.sr(_to_map(x, size_hw))))
        query, key, value = self.query(x), self.key(source), self.value(source)
        batch, _, width = x.shape
        heads = [
            t.reshape(batch, -1, self.heads, width // self.heads).transpose(1, 2)
            for t in (query, key, value)
        ]
        return functional.scaled_dot_product_attention(*heads).transpose(1, 2).flatten(2)


class _MixMlp(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        hidden = width * _MLP_RATIO
        self.dense1 = nn.Linear(width, hidden)
        self.dwconv = nn.ModuleDict({"dwconv": nn.Conv2d(hidden, hidden, 3, 1, 1, groups=hidden)})
        self.dense2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor, size_hw: tuple[int, int]) -> Tensor:
        near = self.dwconv["dwconv"](_to_map(self.dense1(x), size_hw))
        out: Tensor = self.dense2(functional.gelu(_to_tokens(near)))
        return out


def _to_tokens(x: Tensor) -> Tensor:
    return x.flatten(2).transpose(1, 2)  # [B, C, h, w] to [B, h w, C]


def _to_map(tokens: Tensor, size_hw: tuple[int, int]) -> Tensor:
    batch, _, width = tokens.shape
    return tokens.transpose(1, 2).reshape(batch, width, *size_hw)
