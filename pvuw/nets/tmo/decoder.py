"""TMO's decoder: from the sum of appearance and motion maps to two scores per pixel.

Cho et al., WACV 2023, section 3.2, https://arxiv.org/abs/2209.03138: four scales, coarse to fine,
each refined by channel and spatial attention (CBAM: Woo et al., 2018, eqs. 2 and 3,
https://arxiv.org/abs/1807.06521).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from pvuw.nets.tmo.encoders import Features

_WIDTH = 256
_SPATIAL_WIDTH = 16


def resize_bicubic(x: Tensor, size_hw: tuple[int, int]) -> Tensor:
    """`[B, C, h, w]` at another size, bicubic without antialiasing: TMO's rule for everything."""
    if x.shape[-2:] == size_hw:
        return x
    return functional.interpolate(x, size=size_hw, mode="bicubic", align_corners=False)


class Decoder(nn.Module):
    """Scores of background and foreground at a quarter of the input's size.

    Args:
        widths: Channels of the maps, finest first.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        s4, s8, s16, s32 = widths
        self.conv1, self.conv2 = _Conv(s32, _WIDTH, 1), _Conv(s16, _WIDTH, 1)
        self.conv3, self.conv4 = _Conv(s8, _WIDTH, 1), _Conv(s4, _WIDTH, 1)
        self.blend1 = _Conv(_WIDTH, _WIDTH, 3)
        self.blend2, self.blend3, self.blend4 = (_Conv(2 * _WIDTH, _WIDTH, 3) for _ in range(3))
        self.cbam1, self.cbam2, self.cbam3, self.cbam4 = (_Attend(_WIDTH) for _ in range(4))
        self.predictor = _Conv(_WIDTH, 2, 3)

    def forward(self, features: Features) -> Tensor:
        """Two scores `[B, 2, H/4, W/4]`, background first, before softmax."""
        x = self.cbam1(self.blend1(self.conv1(features.s32).relu()).relu())
        x = self.cbam2(self.blend2(_beside(self.conv2(features.s16).relu(), x)).relu())
        x = self.cbam3(self.blend3(_beside(self.conv3(features.s8).relu(), x)).relu())
        x = self.cbam4(self.blend4(_beside(self.conv4(features.s4).relu(), x)).relu())
        scores: Tensor = self.predictor(x)
        return scores


def _beside(fine: Tensor, coarse: Tensor) -> Tensor:
    """Channels of the finer map, then those of the coarser one at the finer one's size."""
    return torch.cat([fine, resize_bicubic(coarse, (fine.shape[-2], fine.shape[-1]))], dim=1)


class _Conv(nn.Module):
    """A convolution that keeps the size, one level down as the names want it."""

    def __init__(self, width_in: int, width: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width_in, width, kernel, padding=kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(x)
        return out


class _Attend(nn.Module):
    """A convolution, then a weight for each channel, then one for each place."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = _Conv(width, width, 3)
        self.conv2 = nn.ModuleList([_Conv(width, width, 1), _Conv(width, width, 1)])
        self.conv3 = nn.ModuleList([_Conv(2, _SPATIAL_WIDTH, 3), _Conv(_SPATIAL_WIDTH, 1, 3)])

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)
        mean, peak = functional.adaptive_avg_pool2d(x, 1), functional.adaptive_max_pool2d(x, 1)
        x = x * (_two_layers(self.conv2, mean) + _two_layers(self.conv2, peak)).sigmoid()
        places = torch.cat([x.mean(dim=1, keepdim=True), x.amax(dim=1, keepdim=True)], dim=1)
        return x * _two_layers(self.conv3, places).sigmoid()


def _two_layers(layers: nn.ModuleList, x: Tensor) -> Tensor:
    out: Tensor = layers[1](layers[0](x).relu())
    return out
