"""Convolutional pieces that Cutie and LiVOS share; names of attributes are those of checkpoints."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from pvuw.nets.cutie.clips import others, per_object, shrink


class ChannelAttentionBlock(nn.Module):
    """A residual block of two convolutions whose channels are weighted by their means.

    The weights come from a 1-D convolution over channels (ECA-Net, Wang et al. 2020,
    https://arxiv.org/abs/1910.03151).

    Args:
        dim: Channels in and out.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(dim, dim, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(dim, dim, kernel_size=3, padding=1)
        reach = int((math.log2(dim) + 1) // 2)
        kernel_size = reach if reach % 2 else reach + 1
        self.conv = nn.Conv1d(1, 1, kernel_size, padding=kernel_size // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """The input plus its weighted change, `[O, C, h, w]`."""
        change = self.conv2(self.conv1(x.relu()).relu_())
        means = functional.adaptive_avg_pool2d(change, 1)[:, None, :, 0, 0]  # [O, 1, C]
        weights = self.conv(means)[:, 0, :, None, None].sigmoid()
        weighted: Tensor = change * weights + x
        return weighted


class FeatureDistributor(nn.Module):
    """Adds what all objects of a frame see to what each has of its own."""

    def __init__(self, image_dim: int, object_dim: int, dim: int) -> None:
        super().__init__()
        self.x_transform = nn.Conv2d(image_dim, dim, kernel_size=1)
        self.g_transform = nn.Conv2d(object_dim, dim, kernel_size=1)

    def forward(self, image: Tensor, objects: Tensor, counts: Sequence[int]) -> Tensor:
        """Float `[O, C, h, w]` from `[B, ., h, w]` and `[O, ., h, w]`."""
        shared = per_object(self.x_transform(image), counts)
        own: Tensor = self.g_transform(objects)
        return shared + own


class FeatureFuser(nn.Module):
    """Fuses image features into object features.

    Args:
        image_dim: Channels of the image.
        object_dim: Channels of each object.
        dim: Channels of the result.
    """

    def __init__(self, image_dim: int, object_dim: int, dim: int) -> None:
        super().__init__()
        self.distributor = FeatureDistributor(image_dim, object_dim, dim)
        self.block1 = ChannelAttentionBlock(dim)
        self.block2 = ChannelAttentionBlock(dim)

    def forward(self, image: Tensor, objects: Tensor, counts: Sequence[int]) -> Tensor:
        """Float `[O, C, h, w]` from `[B, ., h, w]` and `[O, ., h, w]`."""
        fused: Tensor = self.block2(self.block1(self.distributor(image, objects, counts)))
        return fused


class PixelFuser(nn.Module):
    """Adds an object's recurrent state and last mask to what it read from memory.

    Args:
        dim: Channels of everything.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.fuser = FeatureFuser(dim, dim, dim)
        self.sensory_compress = nn.Conv2d(dim + 2, dim, kernel_size=1)

    def forward(
        self,
        image: Tensor,
        readout: Tensor,
        sensory: Tensor,
        last_masks: Tensor,
        counts: Sequence[int],
    ) -> Tensor:
        """Fused readout, float `[O, C, h, w]`.

        Args:
            image: Projected image features, float `[B, C, h, w]`.
            readout: What each object read from memory, float `[O, C, h, w]`.
            sensory: Recurrent state of each object, float `[O, C, h, w]`.
            last_masks: Probabilities on the frame before, float `[O, H, W]`.
            counts: Objects of each clip, `O` in all.
        """
        masks = shrink(last_masks, (sensory.shape[-2], sensory.shape[-1]))
        beside = torch.stack([masks, others(masks, counts)], dim=1)
        compressed = self.sensory_compress(torch.cat([sensory, beside], dim=1))
        fused: Tensor = self.fuser(image, readout + compressed, counts)
        return fused
