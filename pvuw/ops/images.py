"""Pixel values as networks trained on ImageNet take them."""

import functools

import torch
from torch import Tensor

IMAGE_MEAN = (0.485, 0.456, 0.406)
"""Mean of the red, green and blue of ImageNet."""
IMAGE_STD = (0.229, 0.224, 0.225)
"""Standard deviation of the same."""


def normalize_images(images: Tensor) -> Tensor:
    """Images with zero mean and unit deviation over ImageNet.

    Args:
        images: uint8, or float in 0..1, `[..., 3, H, W]` RGB.

    Returns:
        Float32 of the same shape.

    Example:
        >>> normalize_images(torch.full((3, 1, 1), 255, dtype=torch.uint8)).flatten()
        tensor([2.2489, 2.4286, 2.6400])
    """
    if images.dtype == torch.uint8:
        images = images.float() / 255
    mean, std = _mean_and_std(images.device)
    return (images.float() - mean) / std


@functools.cache
def _mean_and_std(device: torch.device) -> tuple[Tensor, Tensor]:
    """Both as `[3, 1, 1]`; made once per device, since every copy to one makes it wait."""
    with torch.inference_mode(False):  # training may be the next to use them
        mean, std = (torch.tensor(v, device=device) for v in (IMAGE_MEAN, IMAGE_STD))
        return mean[:, None, None], std[:, None, None]
