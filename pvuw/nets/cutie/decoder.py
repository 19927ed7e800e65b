"""Cutie's mask decoder."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pvuw.nets.cutie.clips import per_object
from pvuw.nets.cutie.network import FrameFeatures, MaskDecoder, Widths
from pvuw.nets.matching.groups import GroupResBlock, enlarge_group
from pvuw.nets.matching.sensory import SensoryUpdate


class CutieDecoder(MaskDecoder):
    """Doubles a readout's resolution twice, each time adding the image's features at that scale.

    Args:
        widths: Sizes of the layers.
        skip_dims: Channels of the image's features at an eighth and a quarter.
    """

    def __init__(self, widths: Widths, skip_dims: tuple[int, int]) -> None:
        super().__init__()
        at_8, at_4 = widths.decoder_dims
        self.sensory_update = SensoryUpdate((widths.dim, at_8, at_4 + 1), widths.dim, widths.dim)
        self.decoder_feat_proc = _SkipProjections(skip_dims, (widths.dim, at_8))
        self.up_16_8 = _UpsampleBlock(widths.dim, at_8)
        self.up_8_4 = _UpsampleBlock(at_8, at_4)
        self.pred = nn.Conv2d(at_4, 1, kernel_size=3, padding=1)

    def forward(
        self, features: FrameFeatures, refined: Tensor, counts: Sequence[int]
    ) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
        """Mask logits and maps; see `MaskDecoder.forward`."""
        skip_8, skip_4 = self.decoder_feat_proc.transforms
        at_8 = self.up_16_8(refined, per_object(skip_8(features.f8), counts))
        at_4 = self.up_8_4(at_8, per_object(skip_4(features.f4), counts))
        with torch.autocast(at_4.device.type, enabled=False):
            logits = self.pred(at_4.float().relu())
        return logits[:, 0], (refined, at_8, torch.cat([at_4, logits], dim=1))


class _SkipProjections(nn.Module):
    """Holds the projections of image features under their published names."""

    def __init__(self, in_dims: tuple[int, int], out_dims: tuple[int, int]) -> None:
        super().__init__()
        self.transforms = nn.ModuleList(
            nn.Conv2d(i, o, kernel_size=1) for i, o in zip(in_dims, out_dims, strict=True)
        )


class _UpsampleBlock(nn.Module):
    def __init__(self, in_dim: int, out_dim: int) -> None:
        super().__init__()
        self.out_conv = GroupResBlock(in_dim, out_dim, shortcut_kernel=1)

    def forward(self, coarse: Tensor, skip: Tensor) -> Tensor:
        """Float `[O, out_dim, 2 h, 2 w]` from `[O, in_dim, h, w]` and `[O, in_dim, 2 h, 2 w]`."""
        finer: Tensor = self.out_conv(skip[None] + enlarge_group(coarse[None], 2))
        return finer[0]
