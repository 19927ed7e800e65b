"""Layers over groups of objects: tensors `[B, N, C, h, w]` with `N` objects that share an image."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class GroupConv2d(nn.Conv2d):
    """A convolution of every object's map: `[B, N, C, h, w]` to `[B, N, C', h', w']`."""

    def forward(self, group: Tensor) -> Tensor:
        """Convolve each object on its own."""
        return _regroup(super().forward(group.flatten(0, 1)), group)


class GroupResBlock(nn.Module):
    """A residual block of two 3x3 convolutions, each after a ReLU, over every object's map.

    Args:
        in_channels: Channels that come in.
        out_channels: Channels that go out; where they differ a convolution fits the shortcut.
        shortcut_kernel: Its side, 3 in XMem and 1 in Cutie.
    """

    def __init__(self, in_channels: int, out_channels: int, *, shortcut_kernel: int = 3) -> None:
        super().__init__()
        self.downsample: GroupConv2d | None = None
        if in_channels != out_channels:
            self.downsample = GroupConv2d(
                in_channels, out_channels, shortcut_kernel, padding=shortcut_kernel // 2
            )
        self.conv1 = GroupConv2d(in_channels, out_channels, 3, padding=1)
        self.conv2 = GroupConv2d(out_channels, out_channels, 3, padding=1)

    def forward(self, group: Tensor) -> Tensor:
        """Refine `[B, N, in_channels, h, w]` to `[B, N, out_channels, h, w]`."""
        inner: Tensor = self.conv2(functional.relu(self.conv1(functional.relu(group))))
        return inner + (group if self.downsample is None else self.downsample(group))


def expand_to_group(image_map: Tensor, num_objects: int) -> Tensor:
    """The same map for every object: `[B, C, h, w]` to `[B, N, C, h, w]`, without a copy."""
    return image_map.unsqueeze(1).expand(-1, num_objects, -1, -1, -1)


def cat_to_group(image_map: Tensor, group: Tensor) -> Tensor:
    """Stack an image's channels before those of every object.

    Args:
        image_map: Float `[B, C, h, w]`.
        group: Float `[B, N, D, h, w]`.

    Returns:
        Float `[B, N, C + D, h, w]`.

    Example:
        >>> cat_to_group(torch.zeros(1, 3, 2, 2), torch.ones(1, 4, 2, 2, 2))[0, 0, :, 0, 0]
        tensor([0., 0., 0., 1., 1.])
    """
    return torch.cat([expand_to_group(image_map, group.shape[1]), group], dim=2)


def add_to_group(image_map: Tensor, group: Tensor) -> Tensor:
    """Add an image's map `[B, C, h, w]` to every object's: `[B, N, C, h, w]`.

    Example:
        >>> add_to_group(torch.ones(1, 3, 2, 2), torch.ones(1, 4, 3, 2, 2)).unique()
        tensor([2.])
    """
    return expand_to_group(image_map, group.shape[1]) + group


def shrink_group(group: Tensor, factor: int) -> Tensor:
    """Every object's map at `1 / factor` of its size, by the mean of each square of cells.

    Example:
        >>> shrink_group(torch.tensor([[[[[0.0, 2.0], [4.0, 6.0]]]]]), 2)
        tensor([[[[[3.]]]]])
    """
    small = functional.interpolate(group.flatten(0, 1), scale_factor=1 / factor, mode="area")
    return _regroup(small, group)


def enlarge_group(group: Tensor, factor: int) -> Tensor:
    """Every object's map at `factor` times its size, bilinear without aligned corners.

    Example:
        >>> enlarge_group(torch.tensor([[[[[0.0, 4.0]]]]]), 2)[0, 0, 0, 0]
        tensor([0., 1., 3., 4.])
    """
    large = functional.interpolate(
        group.flatten(0, 1), scale_factor=factor, mode="bilinear", align_corners=False
    )
    return _regroup(large, group)


def _regroup(maps: Tensor, group: Tensor) -> Tensor:
    """Maps `[B * N, C, h, w]` as `[B, N, C, h, w]`, with the `B` and `N` of a group."""
    return maps.view(*group.shape[:2], *maps.shape[1:])
