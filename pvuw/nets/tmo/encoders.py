"""TMO's two encoders of one image: the appearance of a frame, or its motion drawn as colours."""

from abc import ABC, abstractmethod
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torchvision.models import resnet101

from pvuw.nets.tmo.mit import WIDTHS, MixTransformer
from pvuw.ops.images import IMAGE_MEAN, IMAGE_STD

Variant = Literal["rn101", "mitb1"]


class Features(NamedTuple):
    """Maps of one image at 1/4, 1/8, 1/16 and 1/32 of its size, each `[B, C, H/s, W/s]`."""

    s4: Tensor
    s8: Tensor
    s16: Tensor
    s32: Tensor

    def plus(self, other: "Features") -> "Features":
        """Sum, scale by scale."""
        return Features(*(a + b for a, b in zip(self, other, strict=True)))


class Encoder(nn.Module, ABC):
    """Normalises an image and makes maps of four scales from it."""

    mean: Tensor
    std: Tensor
    widths: tuple[int, int, int, int]
    """Channels of the maps, finest first."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(IMAGE_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(IMAGE_STD).view(1, 3, 1, 1))

    def forward(self, image: Tensor) -> Features:
        """Maps of an image `[B, 3, H, W]` of values 0..1, sides a multiple of 32."""
        return self._encode((image - self.mean) / self.std)

    @abstractmethod
    def _encode(self, image: Tensor) -> Features:
        """Maps of a normalised image."""


class ResNetEncoder(Encoder):
    """ResNet-101 without its classifier; no ImageNet weights are ever asked for.

    Batch statistics stay as loaded even in training mode, as TMO was trained.
    """

    widths = (256, 512, 1024, 2048)

    def __init__(self) -> None:
        super().__init__()
        trunk = resnet101(weights=None)
        self.conv1, self.bn1 = trunk.conv1, trunk.bn1
        self.layer1, self.layer2 = trunk.layer1, trunk.layer2
        self.layer3, self.layer4 = trunk.layer3, trunk.layer4
        self.shrink = nn.Sequential(nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1))
        self.train(False)

    def train(self, mode: bool = True) -> "ResNetEncoder":
        """Stay in evaluation mode whatever is asked for: statistics are frozen."""
        del mode
        super().train(False)
        return self

    def _encode(self, image: Tensor) -> Features:
        s4 = self.layer1(self.shrink(self.bn1(self.conv1(image))))
        s8 = self.layer2(s4)
        s16 = self.layer3(s8)
        return Features(s4, s8, s16, self.layer4(s16))


class MitEncoder(Encoder):
    """MiT-b1, see `pvuw.nets.tmo.mit`."""

    widths = WIDTHS

    def __init__(self) -> None:
        super().__init__()
        self.backbone = MixTransformer()

    def _encode(self, image: Tensor) -> Features:
        return Features(*self.backbone(image))


ENCODERS: dict[str, type[Encoder]] = {"rn101": ResNetEncoder, "mitb1": MitEncoder}
"""Encoder class of each variant."""
