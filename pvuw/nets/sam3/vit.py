"""SAM 3's image trunk: a vision transformer with windows, rotary and tiled absolute positions.

After Carion et al. (2025), *SAM 3: Segment Anything with Concepts*
(https://arxiv.org/abs/2511.16719), whose trunk is a Perception Encoder (Bolya et al. 2025,
https://arxiv.org/abs/2504.13181) run with windows. Module names are those of the released file.
"""

import torch
from sam2.modeling.sam2_utils import DropPath
from torch import Tensor, nn
from torch.nn import functional as F

from pvuw.nets.sam3.config import TrunkConfig
from pvuw.nets.sam3.rotary import RotaryTables, rotate

LN_EPS = 1e-5
"""The release's. The port in `transformers` computes with 1e-6, which shows in the features."""


class ImageTrunk(nn.Module):
    """Turns square images into one map of tokens, `patch` pixels apart.

    No weight depends on the image size: absolute positions are repeated like tiles, rotary ones
    are computed.

    Args:
        config: Its size.
    """

    def __init__(self, config: TrunkConfig) -> None:
        super().__init__()
        self.config = config
        self.patch_embed = _PatchEmbedding(config)
        # One more position than there are patches: the first belongs to a class token that only
        # pre-training had. It is kept, unread, so that files go in and out unchanged.
        self.pos_embed = nn.Parameter(torch.zeros(1, config.tile**2 + 1, config.width))
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        self.ln_pre = nn.LayerNorm(config.width, eps=LN_EPS)
        last = max(config.depth - 1, 1)
        self.blocks = nn.ModuleList(
            _Block(
                config,
                windowed=i not in config.global_blocks,
                drop_path=config.drop_path * i / last,
            )
            for i in range(config.depth)
        )
        self.apply(_initialize)

    def forward(self, images: Tensor) -> Tensor:
        """Map of tokens, float `[B, C, h, w]`, of normalised images, float `[B, 3, H, W]`."""
        tokens = self.patch_embed(images)  # [B, h, w, C]
        tokens = self.ln_pre(tokens + self._tiled_positions(*tokens.shape[1:3]))
        for block in self.blocks:
            tokens = block(tokens)
        channels_first: Tensor = tokens.permute(0, 3, 1, 2)
        return channels_first

    def _tiled_positions(self, height: int, width: int) -> Tensor:
        tile = self.config.tile
        table = self.pos_embed[:, 1:].view(1, tile, tile, -1)
        repeats = (-(-height // tile), -(-width // tile))
        return table.tile(1, *repeats, 1)[:, :height, :width]


class _PatchEmbedding(nn.Module):
    def __init__(self, config: TrunkConfig) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, config.width, config.patch, stride=config.patch, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        patches: Tensor = self.proj(images)
        return patches.permute(0, 2, 3, 1)


class _Block(nn.Module):
    """Attention within windows or over the whole map, then two layers per token."""

    def __init__(self, config: TrunkConfig, *, windowed: bool, drop_path: float) -> None:
        super().__init__()
        self.window = config.window if windowed else None
        self.norm1 = nn.LayerNorm(config.width, eps=LN_EPS)
        self.attn = _Attention(config)
        self.norm2 = nn.LayerNorm(config.width, eps=LN_EPS)
        self.mlp = _Mlp(config.width, config.hidden)
        self.drop_path = DropPath(drop_path)

    def forward(self, tokens: Tensor) -> Tensor:
        normed = self.norm1(tokens)
        if self.window is None:
            attended = self.attn(normed)
        else:
            windows = into_windows(normed, self.window)
            attended = from_windows(self.attn(windows), tuple(tokens.shape[1:3]))
        tokens = tokens + self.drop_path(attended)
        mixed: Tensor = tokens + self.drop_path(self.mlp(self.norm2(tokens)))
        return mixed


class _Attention(nn.Module):
    def __init__(self, config: TrunkConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.qkv = nn.Linear(config.width, 3 * config.width)
        self.proj = nn.Linear(config.width, config.width)
        # Coordinates are those of pre-training's map, however many cells there are.
        self.rotary = RotaryTables(config.width // config.heads, extent=config.window)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens that looked at each other, float `[B, h, w, C]`."""
        batch, height, width, channels = tokens.shape
        qkv = self.qkv(tokens).view(batch, height * width, 3, self.heads, -1)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)  # [B, heads, hw, C / heads] each
        tables = self.rotary(height, width, tokens.device)
        mixed = F.scaled_dot_product_attention(rotate(query, *tables), rotate(key, *tables), value)
        joined: Tensor = self.proj(mixed.transpose(1, 2).reshape(batch, height, width, channels))
        return joined


class _Mlp(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, tokens: Tensor) -> Tensor:
        mixed: Tensor = self.fc2(F.gelu(self.fc1(tokens)))
        return mixed


def into_windows(tokens: Tensor, side: int) -> Tensor:
    """Windows of `side x side` tokens, `[B * windows, side, side, C]`; zeros fill the last ones.

    Args:
        tokens: Float `[B, h, w, C]`.
        side: Tokens along each side of a window.
    """
    batch, height, width, channels = tokens.shape
    rows, columns = -(-height // side), -(-width // side)
    if (rows * side, columns * side) != (height, width):
        tokens = F.pad(tokens, (0, 0, 0, columns * side - width, 0, rows * side - height))
    parted = tokens.view(batch, rows, side, columns, side, channels).transpose(2, 3)
    return parted.reshape(-1, side, side, channels)


def from_windows(windows: Tensor, size_hw: tuple[int, ...]) -> Tensor:
    """The map that was cut into windows, `[B, h, w, C]`, without what filled the last ones.

    Example:
        >>> tokens = torch.arange(12.0).view(1, 3, 4, 1)
        >>> torch.equal(from_windows(into_windows(tokens, 2), (3, 4)), tokens)
        True
    """
    height, width = size_hw
    side, channels = windows.shape[1], windows.shape[-1]
    rows, columns = -(-height // side), -(-width // side)
    parted = windows.view(-1, rows, columns, side, side, channels).transpose(2, 3)
    joined = parted.reshape(-1, rows * side, columns * side, channels)
    return joined[:, :height, :width]


def _initialize(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
