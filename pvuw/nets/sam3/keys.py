"""Names of SAM 3's weights: in the release's file, in `transformers`' folder, and in our modules.

Our names are those of `SAM2Base`. Upstream's differ in a few beginnings; `transformers` renames
nearly everything, parts the joint projection of the trunk's attention, and leaves out the unread
position of the class token. Both files hold text encoder and detector too, which the tracker does
not need; the tracker's neck lies among the detector's weights in both.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from torch import Tensor

_TRUNK = "detector.backbone.vision_backbone.trunk."
_NECK = "detector.backbone.vision_backbone.sam2_convs."

Rules = list[tuple[re.Pattern[str], Callable[[re.Match[str]], str]]]
"""Beginnings of names and what they become."""


def rules_of(pairs: Iterable[tuple[str, str]]) -> Rules:
    """Rules that replace the first beginning of a name by the second; `#` stands for a number."""
    return [
        (re.compile("^" + re.escape(source).replace(r"\#", r"(\d+)")), partial(_fill, target))
        for source, target in pairs
    ]


def _fill(target: str, match: re.Match[str]) -> str:
    for number in match.groups():
        target = target.replace("#", number, 1)
    return target


def renamed(name: str, rules: Rules) -> str:
    """A name by the first rule that fits it."""
    for pattern, replacement in rules:
        new, count = pattern.subn(replacement, name)
        if count:
            return new
    return name


_MLP = "sam_mask_decoder.transformer.layers.#.mlp."
_PAIRS = (
    ("image_encoder.trunk.", _TRUNK),
    ("image_encoder.neck.convs.", _NECK),
    ("memory_attention.", "tracker.transformer.encoder."),
    ("memory_encoder.", "tracker.maskmem_backbone."),
    (f"{_MLP}layers.0.", f"tracker.{_MLP}lin1."),
    (f"{_MLP}layers.1.", f"tracker.{_MLP}lin2."),
    ("", "tracker."),
)
"""Beginnings of our names and of the release's; the first that fits is replaced."""
_TO_RELEASE = rules_of(_PAIRS)
_FROM_RELEASE = rules_of((theirs, ours) for ours, theirs in _PAIRS)

_OUTER = ("sam3_model.", "sam2_predictor.model.")
"""Beginnings that older files of the release have before every name."""
_UNREAD = re.compile(r"\.attn\.freqs_cis$")
"""Tables of rotary positions, which the release saves and which are computed here."""


def release_name(name: str) -> str:
    """The release's name for a weight of ours.

    Example:
        >>> release_name("memory_attention.norm.weight")
        'tracker.transformer.encoder.norm.weight'
        >>> release_name("image_encoder.neck.convs.1.conv_1x1.bias")
        'detector.backbone.vision_backbone.sam2_convs.1.conv_1x1.bias'
    """
    return renamed(name, _TO_RELEASE)


def own_name(name: str) -> str:
    """Our name for a weight of the release's tracker.

    Example:
        >>> own_name("tracker.maskmem_backbone.out_proj.bias")
        'memory_encoder.out_proj.bias'
    """
    return renamed(name, _FROM_RELEASE)


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
