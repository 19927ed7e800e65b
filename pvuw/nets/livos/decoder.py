"""LiVOS' mask decoder."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from pvuw.nets.cutie.clips import per_object
from pvuw.nets.cutie.network import FrameFeatures, MaskDecoder, Widths
from pvuw.nets.matching.sensory import SensoryUpdate


class LiVOSDecoder(MaskDecoder):
    """Cutie's decoder with GELU after each convolution and a 1x1 convolution for the mask.

    Args:
        widths: Sizes of the layers.
        skip_dims: Channels of the image's features at an eighth and a quarter.
    """

    def __init__(self, widths: Widths, skip_dims: tuple[int, int]) -> None:
        super().__init__()
        at_8, at_4 = widths.decoder_dims
        self.linear_proj_f8 = nn.Conv2d(skip_dims[0], widths.dim, kernel_size=1)
        self.linear_proj_f4 = nn.Conv2d(skip_dims[1], at_8, kernel_size=1)
        self.upsample_16_to_8 = _UpsampleBlock(widths.dim, at_8)
        self.upsample_8_to_4 = _UpsampleBlock(at_8, at_4)
        self.pred = nn.Conv2d(at_4, 1, kernel_size=1)
        self.sensory_update = SensoryUpdate((widths.dim, at_8, at_4 + 1), widths.dim, widths.dim)

    def forward(
        self, features: FrameFeatures, refined: Tensor, counts: Sequence[int]
    ) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
        """Mask logits and maps; see `MaskDecoder.forward`."""
        skip_8 = per_object(self.linear_proj_f8(features.f8), counts)
        skip_4 = per_object(self.linear_proj_f4(features.f4), counts)
        at_8 = self.upsample_16_to_8(refined, skip_8)
        at_4 = self.upsample_8_to_4(at_8, skip_4)
        with torch.autocast(at_4.device.type, enabled=False):
            logits = self.pred(at_4.float())
        return logits[:, 0], (refined, at_8, torch.cat([at_4, logits], dim=1))


class _UpsampleBlock(nn.Module):
    def __init__(self, in_dim: int, out_dim: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_dim, out_dim, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(out_dim, out_dim, kernel_size=3, padding=1)
        self.linear_proj: nn.Module = nn.Identity()
        if in_dim != out_dim:
            self.linear_proj = nn.Conv2d(in_dim, out_dim, kernel_size=1)

    def forward(self, coarse: Tensor, skip: Tensor) -> Tensor:
        """Float `[O, out_dim, 2 h, 2 w]` from `[O, in_dim, h, w]` and `[O, in_dim, 2 h, 2 w]`."""
        finer = functional.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
        finer = finer + skip
        change = functional.gelu(self.conv2(functional.gelu(self.conv1(finer))))
        combined: Tensor = self.linear_proj(finer) + change
        return combined
