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

_NAMES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("TMO rn101", ("vos.app_encoder.layer4.2.conv3.", "vos.mo_encoder.", "vos.decoder.")),
    ("TMO mitb1", ("vos.app_encoder.backbone.encoder.block.", "vos.mo_encoder.", "vos.decoder.")),
    ("TMO mitb1 under names of transformers 5", ("vos.app_encoder.backbone.stages.",)),
    ("LiVOS", ("gate_projector.", "key_projector.", "image_encoder.layer3.")),
    ("Cutie base", ("pixel_encoder.res2.0.conv3.", "object_transformer.", "mask_decoder.")),
    ("Cutie small", ("pixel_encoder.res2.0.conv2.", "object_transformer.", "mask_decoder.")),
    ("XMem", ("key_encoder.res2.", "value_encoder.", "key_proj.", "decoder.")),
    ("RAFT large", ("feature_encoder.", "context_encoder.", "mask_predictor.", "update_block.")),
    ("RAFT small", ("feature_encoder.", "context_encoder.", "update_block.")),
)
"""Beginnings of names that a network has weights under; the first that fits is it."""
_XMEM_SENSORY = "decoder.hidden_update."
_XMEM_MASK_STEM = "value_encoder.conv1.weight"


def identify(weights: Mapping[str, Tensor]) -> str | None:
    """Name of the network that official weights fit, such as `SAM 2.1 tiny`, or None if unknown.

    Of XMem it also says what else than the default it is: without sensory memory, or for one object
    only. Checkpoints that differ in training alone look the same.

    Example:
        >>> import torch
        >>> names = [f"image_encoder.trunk.blocks.{i}.norm1.weight" for i in range(12)]
        >>> weights = {name: torch.zeros(96) for name in names}
        >>> weights["image_encoder.trunk.patch_embed.proj.weight"] = torch.zeros(96, 3, 7, 7)
        >>> identify(weights)
        'SAM 2.0 tiny'
    """
    if _SAM2_WIDTH_KEY in weights:
        return _identify_sam2(weights)
    for network, beginnings in _NAMES:
        if all(any(name.startswith(begin) for name in weights) for begin in beginnings):
            return network + (_xmem_variant(weights) if network == "XMem" else "")
    return None


def _identify_sam2(weights: Mapping[str, Tensor]) -> str:
    start = len(_SAM2_BLOCK_KEY)
    blocks = {name[start:].split(".")[0] for name in weights if name.startswith(_SAM2_BLOCK_KEY)}
    size = _SAM2_SIZES.get((weights[_SAM2_WIDTH_KEY].shape[0], len(blocks)), "of another size")
    return f"SAM {'2.1' if _SAM2_1_KEY in weights else '2.0'} {size}"


def _xmem_variant(weights: Mapping[str, Tensor]) -> str:
    stem = weights.get(_XMEM_MASK_STEM)
    one_object = stem is not None and stem.ndim == 4 and stem.shape[1] == 4
    sensory = any(name.startswith(_XMEM_SENSORY) for name in weights)
    return (" for one object" if one_object else "") + (
        "" if sensory else " without sensory memory"
    )
