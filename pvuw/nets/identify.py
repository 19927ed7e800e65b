"""Tells which published network a set of weights belongs to, from names and shapes alone."""

from collections.abc import Mapping

from torch import Tensor

_SAM2_SIZES = {
    (16, 5): "nano",
    (96, 12): "tiny",
    (96, 16): "small",
    (112, 24): "base_plus",
    (144, 48): "large",
}
"""Width and number of the image encoder's blocks."""
_SAM2_WIDTH_KEY = "image_encoder.trunk.patch_embed.proj.weight"
_SAM2_BLOCK_KEY = "image_encoder.trunk.blocks."
_SAM2_1_KEY = "no_obj_embed_spatial"
"""A weight that 2.1 introduced."""


def identify(weights: Mapping[str, Tensor]) -> str | None:
    """Name of the network that official weights fit, such as `SAM 2.1 tiny`, or None if unknown.

    Example:
        >>> import torch
        >>> names = [f"image_encoder.trunk.blocks.{i}.norm1.weight" for i in range(12)]
        >>> weights = {name: torch.zeros(96) for name in names}
        >>> weights["image_encoder.trunk.patch_embed.proj.weight"] = torch.zeros(96, 3, 7, 7)
        >>> identify(weights)
        'SAM 2.0 tiny'
    """
    if _SAM2_WIDTH_KEY not in weights:
        return None
    start = len(_SAM2_BLOCK_KEY)
    blocks = {name[start:].split(".")[0] for name in weights if name.startswith(_SAM2_BLOCK_KEY)}
    size = _SAM2_SIZES.get((weights[_SAM2_WIDTH_KEY].shape[0], len(blocks)), "of another size")
    return f"SAM {'2.1' if _SAM2_1_KEY in weights else '2.0'} {size}"
