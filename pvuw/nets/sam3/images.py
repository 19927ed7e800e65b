"""Pixel values as SAM 3 takes them."""

import torch
from torch import Tensor


def normalize(images: Tensor) -> Tensor:
    """Images in -1..1, as SAM 3 was trained on.

    (Upstream's entry for SAM 2's video format shifts and scales by ImageNet's numbers instead,
    which makes values 2.2 times as wide as in training.)

    Args:
        images: uint8, or float in 0..1, `[..., 3, H, W]` RGB.

    Returns:
        Float32 of the same shape.

    Example:
        >>> normalize(torch.tensor([0, 255], dtype=torch.uint8))
        tensor([-1.,  1.])
    """
    if images.dtype == torch.uint8:
        images = images.float() / 255
    return (images.float() - 0.5) / 0.5
