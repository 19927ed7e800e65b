"""The image encoder: Swin, as `transformers` has it, and the maps made of its stages."""

from typing import Any

import torch
from torch import Tensor, nn

from pvuw.nets.referdino.config import ReferDinoConfig, SwinSize
from pvuw.nets.referdino.layers import MapSizes
from pvuw.nets.referdino.positions import map_code
from pvuw.ops.images import normalize_images

_STAGES = ("stage1", "stage2", "stage3", "stage4")


class ImageEncoder(nn.Module):
    """Swin (Liu et al. 2021, https://arxiv.org/abs/2103.14030), the maps of its four stages.

    Args:
        size: Its size.
    """

    def __init__(self, size: SwinSize) -> None:
        super().__init__()
        from transformers import SwinBackbone, SwinConfig

        settings: dict[str, Any] = {
            "embed_dim": size.width,
            "depths": list(size.depths),
            "num_heads": list(size.heads),
            "window_size": size.window,
            "out_features": list(_STAGES),
            "drop_path_rate": 0.2,
        }
        swin: Any = SwinBackbone(SwinConfig(**settings))
        swin.swin.layernorm = nn.Identity()  # of the last stage; every stage has its own
        self.swin = swin

    def forward(self, frames: Tensor) -> list[Tensor]:
        """Maps of strides 4, 8, 16 and 32, float `[T, C, h, w]`.

        Args:
            frames: Uint8, or float in 0..1, `[T, 3, H, W]`.
        """
        maps: tuple[Tensor, ...] = self.swin(normalize_images(frames)).feature_maps
        return list(maps)


class Projections(nn.ModuleList):
    """From the last three stages, and a fourth map made of the last, to maps of one width.

    Args:
        config: Size of the network.
    """

    def __init__(self, config: ReferDinoConfig) -> None:
        width, swin = config.width, config.swin.width
        convolutions = [nn.Conv2d(swin * 2**stage, width, 1) for stage in (1, 2, 3)]
        convolutions.append(nn.Conv2d(swin * 8, width, 3, stride=2, padding=1))
        super().__init__(nn.Sequential(conv, nn.GroupNorm(32, width)) for conv in convolutions)

    def forward(self, stages: list[Tensor]) -> tuple[Tensor, MapSizes]:
        """Cells of all maps, finest first, float `[T, S, C]`, and the maps' sizes."""
        sources = [*stages[-3:], stages[-1]]
        maps = [project(source) for project, source in zip(self, sources, strict=True)]
        cells = torch.cat([plane.flatten(2).transpose(1, 2) for plane in maps], 1)
        return cells, [(plane.shape[-2], plane.shape[-1]) for plane in maps]


def cell_places(maps: MapSizes, levels: Tensor) -> Tensor:
    """Codes of place and level of all maps' cells, float `[S, C]`.

    Args:
        maps: Sizes of the maps.
        levels: What marks a level, float `[levels, C]`.
    """
    codes = [
        map_code(height, width, levels.shape[-1], levels.device) + level
        for (height, width), level in zip(maps, levels, strict=True)
    ]
    return torch.cat(codes)
