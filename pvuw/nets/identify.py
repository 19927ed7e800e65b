"""Tells which published network a set of weights belongs to, from names and shapes alone."""

import re
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

_SAM3_TRUNKS = (
    "image_encoder.trunk.",
    "detector.backbone.vision_backbone.trunk.",
    "detector_model.vision_encoder.backbone.",
)
"""Where SAM 3's image trunk is: in our checkpoints, the release's file, transformers' folder."""
_SAM3_TRACKERS = (
    "memory_attention.norm.",
    "tracker.transformer.encoder.norm.",
    "tracker_model.memory_attention.layer_norm.",
)
"""A weight of its tracker in the same three."""
_SAM3_STEMS = ("ln_pre.weight", "ln_pre.weight", "layer_norm.weight")
"""The one whose length is the trunk's width, after the trunk's name."""
_SAM3_OUTER = ("sam3_model.", "sam2_predictor.model.")
_SAM3_SIZES = {(64, 4): "nano", (1024, 32): "official"}
"""Width and number of the trunk's blocks."""
_SAM3_1 = ".propagation_convs."
"""A neck that SAM 3.1 has besides."""

_NAMES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Sa2VA", ("text_hidden_fcs.", "grounding_encoder.sam2_model.")),
    ("Sa2VA", ("text_hidden_fcs.", "mllm.", "sam2.")),
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
_REFERDINO = "mask_decoder.0.ca_text.in_proj_weight"
"""A weight that ReferDINO has under its release's names and ours."""
_REFERDINO_STEMS = (
    "backbone.0.patch_embed.proj.weight",
    "backbone.swin.swin.embeddings.patch_embeddings.projection.weight",
)
_REFERDINO_SIZES = {24: "nano", 96: "Swin-T", 128: "Swin-B"}
"""By the width of the image encoder's first map."""
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
    if _REFERDINO in weights:
        return _identify_referdino(weights)
    if (sam3 := _identify_sam3(weights)) is not None:
        return sam3
    if _SAM2_WIDTH_KEY in weights:
        return _identify_sam2(weights)
    for network, beginnings in _NAMES:
        if all(any(name.startswith(begin) for name in weights) for begin in beginnings):
            return network + (_xmem_variant(weights) if network == "XMem" else "")
    return None


def _identify_sam3(weights: Mapping[str, Tensor]) -> str | None:
    named = dict(weights)
    for outer in _SAM3_OUTER:
        named = {name.removeprefix(outer): weight for name, weight in named.items()}
    if any(_SAM3_1 in name for name in named):
        return "SAM 3.1 (object multiplex, another network than SAM 3)"
    for trunk, tracker, stem in zip(_SAM3_TRUNKS, _SAM3_TRACKERS, _SAM3_STEMS, strict=True):
        width = named.get(trunk + stem)
        if width is None:
            continue
        blocks = re.compile(rf"^{re.escape(trunk)}(?:blocks|layers)\.(\d+)\.")
        depth = {match[1] for name in named if (match := blocks.match(name))}
        size = _SAM3_SIZES.get((len(width), len(depth)), "of another size")
        if not any(name.startswith(tracker) for name in named):
            return f"SAM 3 {size} without its tracker"
        return f"SAM 3 {size}"
    return None


def _identify_referdino(weights: Mapping[str, Tensor]) -> str:
    widths = [len(weights[name]) for name in _REFERDINO_STEMS if name in weights]
    size = _REFERDINO_SIZES.get(widths[0]) if widths else None
    return f"ReferDINO {size or 'of another size'}"


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
