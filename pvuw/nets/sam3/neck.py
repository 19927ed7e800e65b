"""SAM 3's neck: finer maps made from the trunk's one map."""

from collections import OrderedDict

from sam2.modeling.position_encoding import PositionEmbeddingSine
from torch import Tensor, nn

from pvuw.nets.sam3.vit import ImageTrunk


class ImageEncoder(nn.Module):
    """Trunk and neck, with the outputs `SAM2Base` expects of an image encoder.

    Args:
        trunk: Turns images into tokens.
        width: Channels of the maps.
    """

    def __init__(self, trunk: ImageTrunk, width: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.neck = TrackerNeck(trunk.config.width, width)

    def forward(self, images: Tensor) -> dict[str, list[Tensor]]:
        """Maps, finest first, and their position encodings, of float `[B, 3, H, W]`."""
        maps, positions = self.neck(self.trunk(images))
        return {"backbone_fpn": maps, "vision_pos_enc": positions}


class TrackerNeck(nn.Module):
    """Three maps, 4, 2 and 1 times as fine as the tokens, each through its own convolutions.

    The release has a fourth map at half the tokens' resolution, which its tracker never reads. Its
    weights are kept, frozen and unread, so that files go in and out unchanged.

    Args:
        tokens: Channels of the trunk's map.
        width: Channels of the maps, upstream's `d_model`.
    """

    def __init__(self, tokens: int, width: int) -> None:
        super().__init__()
        self.d_model = width
        scaled = [_quadruple(tokens), _double(tokens), nn.Sequential(), nn.Sequential()]
        self.convs = nn.ModuleList(scaled)
        inside = (tokens // 4, tokens // 2, tokens, tokens)
        for level, channels in zip(self.convs, inside, strict=True):
            level.add_module("conv_1x1", nn.Conv2d(channels, width, 1))
            level.add_module("conv_3x3", nn.Conv2d(width, width, 3, padding=1))
        self.convs[-1].requires_grad_(False)
        self.position_encoding = PositionEmbeddingSine(width, warmup_cache=False)

    def forward(self, tokens: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Maps, finest first, and their position encodings, of float `[B, C, h, w]`."""
        maps = [level(tokens) for level in self.convs[:-1]]
        return maps, [self.position_encoding(level).to(level.dtype) for level in maps]


def _quadruple(channels: int) -> nn.Sequential:
    halved, quartered = channels // 2, channels // 4
    steps = [
        ("dconv_2x2_0", nn.ConvTranspose2d(channels, halved, 2, stride=2)),
        ("gelu", nn.GELU()),
        ("dconv_2x2_1", nn.ConvTranspose2d(halved, quartered, 2, stride=2)),
    ]
    return nn.Sequential(OrderedDict(steps))


def _double(channels: int) -> nn.Sequential:
    return nn.Sequential(
        OrderedDict([("dconv_2x2", nn.ConvTranspose2d(channels, channels // 2, 2, stride=2))])
    )
