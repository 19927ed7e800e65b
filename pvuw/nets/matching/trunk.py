"""Residual trunks down to a sixteenth of the picture, without weights and without a download.

The blocks are torchvision's. Under the published names they give bit for bit what the networks' own
copies of ResNet give.
"""

from typing import NamedTuple

from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, Bottleneck

_BLOCK_GAIN = 0.2
"""Share of its input that a fresh residual block adds to it."""


class ImageFeatures(NamedTuple):
    """Feature maps of an image at a sixteenth, an eighth and a quarter of its size."""

    f16: Tensor
    """Float `[B, 16 width, H / 16, W / 16]`."""
    f8: Tensor
    """Float `[B, 8 width, H / 8, W / 8]`."""
    f4: Tensor
    """Float `[B, 4 width, H / 4, W / 4]`."""


class ImageTrunk(nn.Module):
    """The first three stages of a ResNet: features of an image at three scales.

    Weights are called `conv1`, `bn1`, `<first_stage>`, `layer2` and `layer3`.

    Args:
        width: Channels of the first convolution; 64 is ResNet's, less is for tests.
        first_stage: What the checkpoint calls the first stage: `res2` (XMem, Cutie) or `layer1`
            (LiVOS).
        blocks: Residual blocks of each stage; `(3, 4, 6)` is ResNet-50, `(2, 2, 2)` ResNet-18.
        block: Kind of block: `Bottleneck` is ResNet-50's, `BasicBlock` ResNet-18's.
    """

    def __init__(
        self,
        width: int = 64,
        *,
        first_stage: str = "res2",
        blocks: tuple[int, int, int] = (3, 4, 6),
        block: type[BasicBlock] | type[Bottleneck] = Bottleneck,
    ) -> None:
        super().__init__()
        self.first_stage = first_stage
        self.conv1 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        out = block.expansion * width
        self.add_module(first_stage, residual_stage(block, width, width, blocks[0]))
        self.layer2 = residual_stage(block, out, 2 * width, blocks[1], stride=2)
        self.layer3 = residual_stage(block, 2 * out, 4 * width, blocks[2], stride=2)
        init_residual(self)

    def forward(self, images: Tensor) -> ImageFeatures:
        """Features of normalised images, float `[B, 3, H, W]` with sides that 16 divides."""
        stem = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        f4 = self.get_submodule(self.first_stage)(stem)
        f8 = self.layer2(f4)
        return ImageFeatures(self.layer3(f8), f8, f4)


class MaskTrunk(nn.Module):
    """The first three stages of ResNet-18 over an image stacked with masks.

    Weights are called `conv1`, `bn1`, `layer1`, `layer2` and `layer3`; subclasses add what follows.

    Args:
        width: Channels of the first convolution; 64 is ResNet-18, less is for tests.
        in_channels: Image and mask channels: 5 for an object's mask and that of the others.
        blocks: Residual blocks of each stage.
    """

    def __init__(
        self, width: int = 64, *, in_channels: int = 5, blocks: tuple[int, int, int] = (2, 2, 2)
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = residual_stage(BasicBlock, width, width, blocks[0])
        self.layer2 = residual_stage(BasicBlock, width, 2 * width, blocks[1], stride=2)
        self.layer3 = residual_stage(BasicBlock, 2 * width, 4 * width, blocks[2], stride=2)
        init_residual(self)

    def trunk(self, stacked: Tensor) -> Tensor:
        """Features at a sixteenth: `[B, in_channels, H, W]` to `[B, 4 width, H / 16, W / 16]`."""
        stem = self.relu(self.maxpool(self.bn1(self.conv1(stacked))))
        features: Tensor = self.layer3(self.layer2(self.layer1(stem)))
        return features


def residual_stage(
    block: type[BasicBlock] | type[Bottleneck],
    in_channels: int,
    width: int,
    count: int,
    *,
    stride: int = 1,
) -> nn.Sequential:
    """A stage of residual blocks; the first changes resolution and channels.

    Args:
        block: torchvision's block.
        in_channels: Channels that come in; `block.expansion * width` go out.
        width: Channels inside a block.
        count: Number of blocks.
        stride: Of the first block.
    """
    out_channels = width * block.expansion
    shortcut = None
    if stride != 1 or in_channels != out_channels:
        shortcut = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False),
            nn.BatchNorm2d(out_channels),
        )
    first = block(in_channels, width, stride, shortcut)
    return nn.Sequential(first, *(block(out_channels, width) for _ in range(count - 1)))


def init_residual(trunk: nn.Module) -> None:
    """Draw a trunk's weights: He's rule for convolutions, and blocks that begin near the identity.

    Published weights replace them. Without weights and with norms that hold their statistics, the
    sum of many blocks would otherwise grow until training from scratch fails.
    """
    for module in trunk.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, BasicBlock):
            nn.init.constant_(module.bn2.weight, _BLOCK_GAIN)
        elif isinstance(module, Bottleneck):
            nn.init.constant_(module.bn3.weight, _BLOCK_GAIN)


def hold_norm_statistics(net: nn.Module) -> None:
    """Keep the batch norms of a network in evaluation mode; call it at the end of its `train`.

    XMem and Cutie are trained that way: the norms' weights learn, their statistics stay those of
    the pre-trained trunks.
    """
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
