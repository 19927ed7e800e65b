"""Names of SAM 3's weights: in the release's file, in `transformers`' folder, and in our modules.

Our names are those of `SAM2Base`. Upstream's differ in a few beginnings; `transformers` renames
nearly everything, parts the joint projection of the trunk's attention, and leaves out the unread
position of the class token. Both files hold text encoder and detector too, which the tracker does
not need; the tracker's neck lies among the detector's weights in both.
"""

import re
from collections.abc import Mapping

from torch import Tensor

_TRUNK = "detector.backbone.vision_backbone.trunk."
_NECK = "detector.backbone.vision_backbone.sam2_convs."

_TO_RELEASE: tuple[tuple[str, str], ...] = (
    (r"^image_encoder\.trunk\.", _TRUNK),
    (r"^image_encoder\.neck\.convs\.", _NECK),
    (r"^memory_attention\.", "tracker.transformer.encoder."),
    (r"^memory_encoder\.", "tracker.maskmem_backbone."),
    (
        r"^(sam_mask_decoder\.transformer\.layers\.\d+\.mlp\.)layers\.0\.",
        r"tracker.\1lin1.",
    ),
    (
        r"^(sam_mask_decoder\.transformer\.layers\.\d+\.mlp\.)layers\.1\.",
        r"tracker.\1lin2.",
    ),
    (r"^", "tracker."),
)
"""Rules from our names to the release's; the first that fits is applied."""

_OUTER = ("sam3_model.", "sam2_predictor.model.")
"""Beginnings that older files of the release have before every name."""
_UNREAD = re.compile(r"\.attn\.freqs_cis$")
"""Tables of rotary positions, which the release saves and which are computed here."""
_FROM_RELEASE: tuple[tuple[str, str], ...] = (
    (r"^detector\.backbone\.vision_backbone\.trunk\.", "image_encoder.trunk."),
    (r"^detector\.backbone\.vision_backbone\.sam2_convs\.", "image_encoder.neck.convs."),
    (r"^tracker\.transformer\.encoder\.", "memory_attention."),
    (r"^tracker\.maskmem_backbone\.", "memory_encoder."),
    (
        r"^tracker\.(sam_mask_decoder\.transformer\.layers\.\d+\.mlp\.)lin1\.",
        r"\1layers.0.",
    ),
    (
        r"^tracker\.(sam_mask_decoder\.transformer\.layers\.\d+\.mlp\.)lin2\.",
        r"\1layers.1.",
    ),
    (r"^tracker\.", ""),
)
"""The same the other way."""


def release_name(name: str) -> str:
    """The release's name for a weight of ours.

    Example:
        >>> release_name("memory_attention.norm.weight")
        'tracker.transformer.encoder.norm.weight'
        >>> release_name("image_encoder.neck.convs.1.conv_1x1.bias")
        'detector.backbone.vision_backbone.sam2_convs.1.conv_1x1.bias'
    """
    return _renamed(name, _TO_RELEASE)


def own_name(name: str) -> str:
    """Our name for a weight of the release's tracker.

    Example:
        >>> own_name("tracker.maskmem_backbone.out_proj.bias")
        'memory_encoder.out_proj.bias'
    """
    return _renamed(name, _FROM_RELEASE)


def _renamed(name: str, rules: tuple[tuple[str, str], ...]) -> str:
    for pattern, replacement in rules:
        renamed, count = re.subn(pattern, replacement, name)
        if count:
            return renamed
    return name


def tracker_weights(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tracker's part of a release's file, whole or tracker alone, by the release's names.

    What only text encoder and detector read is left out, and so are tables that are computed.

    Args:
        weights: All weights of the file, `sam3.pt`.
    """
    named = {_without_outer(name): weight for name, weight in weights.items()}
    return {
        name: weight
        for name, weight in named.items()
        if name.startswith((_TRUNK, _NECK, "tracker.")) and not _UNREAD.search(name)
    }


def _without_outer(name: str) -> str:
    for outer in _OUTER:
        name = name.removeprefix(outer)
    return name


def is_release(weights: Mapping[str, Tensor]) -> bool:
    """Whether names are those of the release's file."""
    return any(_without_outer(name).startswith((_TRUNK, "tracker.")) for name in weights)
