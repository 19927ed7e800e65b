"""XMem's layers with weights, under the names of the published checkpoints.

Cheng and Schwing (2022), "XMem: Long-Term Video Object Segmentation with an Atkinson-Shiffrin
Memory Model", https://arxiv.org/abs/2207.07115, section 3 and appendix.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from pvuw.nets.matching.groups import (
    GroupResBlock,
    add_to_group,
    cat_to_group,
    enlarge_group,
)
from pvuw.nets.matching.sensory import DeepSensoryUpdate, SensoryUpdate
from pvuw.nets.matching.trunk import ImageFeatures, MaskTrunk


@dataclass(frozen=True)
class XMemWidths:
    """Channels of a network's parts; the defaults are those of the published checkpoints."""

    key: int = 64
    """Of keys in memory."""
    value: int = 512
    """Of values in memory."""
    sensory: int = 64
    """Of sensory memory; 0 builds the network without it."""
    trunk: int = 64
    """Of the trunks' first convolution; everything else follows from it. Less is for tests."""


class KeyProjection(nn.Module):
    """Turns image features into keys, their shrinkage and their selection."""

    def __init__(self, in_channels: int, key_channels: int) -> None:
        super().__init__()
        self.key_proj = nn.Conv2d(in_channels, key_channels, 3, padding=1)
        self.d_proj = nn.Conv2d(in_channels, 1, 3, padding=1)
        self.e_proj = nn.Conv2d(in_channels, key_channels, 3, padding=1)
        nn.init.orthogonal_(self.key_proj.weight)
        nn.init.zeros_(self.key_proj.bias)  # type: ignore[arg-type]  # there is a bias

    def forward(self, f16: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Key `[B, K, h, w]`, shrinkage `[B, 1, h, w]` at least 1, selection `[B, K, h, w]`."""
        return self.key_proj(f16), self.d_proj(f16) ** 2 + 1, self.e_proj(f16).sigmoid()


class ChannelGate(nn.Module):
    """Weighs channels by what they hold on average and at most (Woo et al. 2018, section 3)."""

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        inner = channels // reduction
        self.mlp = nn.Sequential(
            nn.Flatten(), nn.Linear(channels, inner), nn.ReLU(), nn.Linear(inner, channels)
        )

    def forward(self, maps: Tensor) -> Tensor:
        """Gate `[B, C, h, w]`."""
        size_hw = (maps.shape[-2], maps.shape[-1])
        mean = self.mlp(functional.avg_pool2d(maps, size_hw))
        largest = self.mlp(functional.max_pool2d(maps, size_hw))
        gate: Tensor = (mean + largest).sigmoid()[..., None, None]
        return maps * gate


class SpatialConv(nn.Module):
    """The 7x7 convolution of the spatial gate, one level down as checkpoints name it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, 7, padding=3)


class SpatialGate(nn.Module):
    """Weighs places by the largest and the mean channel there."""

    def __init__(self) -> None:
        super().__init__()
        self.spatial = SpatialConv()

    def forward(self, maps: Tensor) -> Tensor:
        """Gate `[B, C, h, w]`."""
        both = torch.cat([maps.amax(1, keepdim=True), maps.mean(1, keepdim=True)], dim=1)
        gate: Tensor = self.spatial.conv(both)
        return maps * gate.sigmoid()


class BlockAttention(nn.Module):
    """Channel, then spatial attention (CBAM, https://arxiv.org/abs/1807.06521)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.ChannelGate = ChannelGate(channels)
        self.SpatialGate = SpatialGate()

    def forward(self, maps: Tensor) -> Tensor:
        """Gate `[B, C, h, w]`."""
        gated: Tensor = self.SpatialGate(self.ChannelGate(maps))
        return gated


class FeatureFusion(nn.Module):
    """Merges an image's features into every object's: residual blocks around attention."""

    def __init__(self, image_channels: int, group_channels: int, out_channels: int) -> None:
        super().__init__()
        self.block1 = GroupResBlock(image_channels + group_channels, out_channels)
        self.attention = BlockAttention(out_channels)
        self.block2 = GroupResBlock(out_channels, out_channels)

    def forward(self, image_map: Tensor, group: Tensor) -> Tensor:
        """Fuse `[B, C, h, w]` into `[B, N, D, h, w]`: `[B, N, out_channels, h, w]`."""
        fused = self.block1(cat_to_group(image_map, group))
        attended = self.attention(fused.flatten(0, 1)).view_as(fused)
        result: Tensor = self.block2(fused + attended)
        return result


class ValueEncoder(MaskTrunk):
    """Turns an image with its objects' masks into values for memory."""

    def __init__(self, widths: XMemWidths) -> None:
        super().__init__(widths.trunk, in_channels=5)
        self.fuser = FeatureFusion(16 * widths.trunk, 4 * widths.trunk, widths.value)
        self.hidden_reinforce: DeepSensoryUpdate | None = None
        if widths.sensory:
            self.hidden_reinforce = DeepSensoryUpdate(widths.value, widths.sensory)

    def forward(self, image: Tensor, f16: Tensor, masks: Tensor) -> Tensor:
        """Values `[B, N, V, h, w]` of an image `[B, 3, H, W]` with soft masks `[B, N, H, W]`."""
        stacked = cat_to_group(image, torch.stack([masks, other_masks(masks)], dim=2))
        features = self.trunk(stacked.flatten(0, 1))
        value: Tensor = self.fuser(f16, features.view(*masks.shape[:2], *features.shape[1:]))
        return value


def other_masks(masks: Tensor) -> Tensor:
    """For each of `N` masks the sum of all others, `[B, N, H, W]`; zero where there is one alone.

    Summed over the others, not as the whole minus one, which would round otherwise.

    Example:
        >>> other_masks(torch.tensor([1.0, 2.0, 4.0]).view(1, 3, 1, 1)).flatten().tolist()
        [6.0, 5.0, 3.0]
    """
    count = masks.shape[1]
    if count == 1:
        return torch.zeros_like(masks)
    rest = [[j for j in range(count) if j != i] for i in range(count)]
    return torch.cat([masks[:, others].sum(1, keepdim=True) for others in rest], dim=1)


class UpsampleBlock(nn.Module):
    """Doubles the size of every object's map and adds the image's features of that size."""

    def __init__(self, skip_channels: int, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.skip_conv = nn.Conv2d(skip_channels, in_channels, 3, padding=1)
        self.out_conv = GroupResBlock(in_channels, out_channels)

    def forward(self, skip: Tensor, group: Tensor) -> Tensor:
        """`[B, C, 2 h, 2 w]` and `[B, N, D, h, w]` to `[B, N, out_channels, 2 h, 2 w]`."""
        raised: Tensor = self.out_conv(add_to_group(self.skip_conv(skip), enlarge_group(group, 2)))
        return raised


class Decoder(nn.Module):
    """Turns what was read from memory into mask logits, and renews sensory memory."""

    def __init__(self, widths: XMemWidths) -> None:
        super().__init__()
        w = widths.trunk
        self.fuser = FeatureFusion(16 * w, widths.value + widths.sensory, 8 * w)
        self.hidden_update: SensoryUpdate | None = None
        if widths.sensory:
            self.hidden_update = SensoryUpdate((8 * w, 4 * w, 4 * w + 1), 4 * w, widths.sensory)
        self.up_16_8 = UpsampleBlock(8 * w, 8 * w, 4 * w)
        self.up_8_4 = UpsampleBlock(4 * w, 4 * w, 4 * w)
        self.pred = nn.Conv2d(4 * w, 1, 3, padding=1)

    def forward(
        self, features: ImageFeatures, readout: Tensor, sensory: Tensor | None, *, renew: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Masks of all objects of an image.

        Args:
            features: Of the image.
            readout: What memory says, `[B, N, V, h, w]`.
            sensory: Sensory memory `[B, N, C, h, w]`, None in a network without.
            renew: Renew sensory memory.

        Returns:
            Each object's own logits at a quarter of the image, float32 `[B, N, 4 h, 4 w]`, and
            sensory memory, renewed or as it was.
        """
        known = readout if sensory is None else torch.cat([readout, sensory], dim=2)
        g16 = self.fuser(features.f16, known)
        g8 = self.up_16_8(features.f8, g16)
        g4 = self.up_8_4(features.f4, g8)
        logits = self.pred(functional.relu(g4.flatten(0, 1))).view(*g4.shape[:2], *g4.shape[-2:])
        if renew and sensory is not None and self.hidden_update is not None:
            seen = torch.cat([g4, logits.unsqueeze(2)], dim=2)
            sensory = self.hidden_update(g16, g8, seen, sensory)
        return logits.float(), sensory
