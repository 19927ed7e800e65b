"""Names of weights: the release's, which keeps adapters apart and shared layers twice, and ours."""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from pvuw.errors import WeightsError

_LORA_A, _LORA_B = ".lora_A", ".lora_B"
_INDEX = ".relative_position_index"
"""Tables of Swin that follow from the size of its windows."""
_QKV = ".attn.qkv."
_PARTS = ("q", "k", "v")
_SWIN = "backbone.0."
_OWN_SWIN = "backbone.swin."
_SWIN_NAMES = (
    ("patch_embed.proj.", "swin.embeddings.patch_embeddings.projection."),
    ("patch_embed.norm.", "swin.embeddings.norm."),
    ("layers.", "swin.encoder.layers."),
    (".norm1.", ".layernorm_before."),
    (".norm2.", ".layernorm_after."),
    (".attn.proj.", ".attention.o_proj."),
    (".attn.relative_position_bias", ".attention.relative_position_bias.relative_position_bias"),
)
"""Within the image encoder: the release's names and those of `transformers`."""
_NAMES = (
    ("bert.", "text.bert."),
    ("transformer.level_embed", "level_embed"),
    ("transformer.tgt_embed.", "tgt_embed."),
    ("transformer.encoder.", "encoder."),
    ("transformer.decoder.layers.", "decoder.layers."),
    ("transformer.decoder.norm.", "decoder.norm."),
    ("transformer.decoder.ref_point_head.", "decoder.ref_point_head."),
    ("ref_point_head.", "decoder.ref_point_head."),
    ("transformer.enc_out", "proposals.enc_out"),
    ("transformer.decoder.bbox_embed.#.", "bbox_embed."),
    ("bbox_embed.#.", "bbox_embed."),
    ("temporal_decoder.#.", "temporal_decoder."),
    ("input_proj.", "input_proj."),
    ("feat_map.", "feat_map."),
    ("pixel_decoder.", "pixel_decoder."),
    ("mask_decoder.", "mask_decoder."),
)
"""Elsewhere; `#` is each layer of the decoder, all of which share what is ours once."""
_ADAPTED = re.compile(r"^(encoder|decoder)\.(?!.*out_proj).*\.weight$")
_SEVERAL = re.compile(r"^(transformer\.decoder\.bbox_embed|bbox_embed|temporal_decoder)\.\d+\.")


def is_release(weights: Mapping[str, Tensor]) -> bool:
    """Whether weights are under the release's names."""
    return "transformer.level_embed" in weights


def from_release(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights under our names, adapters merged, each shared layer once.

    Names we do not know stay as they are, for the caller to refuse.

    Args:
        weights: Under the release's names.

    Raises:
        WeightsError: If copies of a shared layer differ, so that it is not said which counts.

    Example:
        >>> a, b = torch.ones(1, 2), torch.ones(3, 1)
        >>> names = ("weight", "lora_A", "lora_B")
        >>> layer = "transformer.encoder.layers.0.linear1"
        >>> named = dict(zip([f"{layer}.{n}" for n in names], (torch.zeros(3, 2), a, b)))
        >>> {name: weight.sum().item() for name, weight in from_release(named).items()}
        {'encoder.layers.0.linear1.weight': 6.0}
    """
    found: dict[str, Tensor] = {}
    for name, weight in merged(weights).items():
        if name.endswith(_INDEX):
            continue
        for own, part in _own_parts(name, weight):
            if own in found and not torch.equal(found[own], part):
                raise WeightsError(
                    f"{name}: differs from another copy of the same layer, so the file is not as "
                    "ReferDINO saves it; give the file as it was published"
                )
            found[own] = part
    return found


def merged(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights without adapters that compute the same: `W + B A / rank`.

    Args:
        weights: By name, adapters as `<layer>.lora_A` `[rank, in]` and `<layer>.lora_B`.

    Raises:
        WeightsError: If an adapter lacks a half, or its layer.
    """
    plain = {n: w for n, w in weights.items() if not n.endswith((_LORA_A, _LORA_B))}
    layers = {n.removesuffix(_LORA_A).removesuffix(_LORA_B) for n in weights if n not in plain}
    for layer in sorted(layers):
        whole = [f"{layer}.weight", layer + _LORA_A, layer + _LORA_B]
        if missing := [name for name in whole if name not in weights]:
            raise WeightsError(f"{missing[0]}: missing beside the rest of its adapter")
        base, a, b = (weights[name] for name in whole)
        plain[whole[0]] = base + b @ a / len(a)
    return plain


def to_release(weights: Mapping[str, Tensor], rank: int = 32) -> dict[str, Tensor]:
    """Weights under the release's names, with adapters that change nothing.

    Args:
        weights: Under our names, adapters merged.
        rank: Rank of the adapters.
    """
    layers = len({name.split(".")[2] for name in weights if name.startswith("decoder.layers.")})
    found: dict[str, Tensor] = {}
    for name, weight in weights.items():
        for public in _release_names(name, layers):
            if match := re.search(r"\.attention\.([qkv])_proj\.", public):
                fused = public.replace(match[0], _QKV)
                parts = [name.replace(match[0], f".attention.{p}_proj.") for p in _PARTS]
                found[fused] = torch.cat([weights[part] for part in parts])
                continue
            found[public] = weight
            if _ADAPTED.match(name) and weight.ndim == 2:
                layer = public.removesuffix(".weight")
                found[layer + _LORA_A] = weight.new_zeros(rank, weight.shape[1])
                found[layer + _LORA_B] = weight.new_zeros(weight.shape[0], rank)
        if name.endswith(".relative_position_bias_table"):
            public = _release_names(name, layers)[0].removesuffix("_bias_table")
            found[f"{public}_index"] = window_index(round((len(weight) ** 0.5 + 1) / 2))
    return found


def window_index(side: int) -> Tensor:
    """Row of Swin's table for each pair of cells of a window, int64 `[side^2, side^2]`."""
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    row, column = rows.flatten(), columns.flatten()
    down = row[:, None] - row[None] + side - 1
    return down * (2 * side - 1) + column[:, None] - column[None] + side - 1


def _own_parts(name: str, weight: Tensor) -> list[tuple[str, Tensor]]:
    """Our names for a weight of the release, with what each holds of it."""
    if not name.startswith(_SWIN):
        pattern = _SEVERAL.sub(lambda match: f"{match[1]}.#.", name)
        for public, own in _NAMES:
            if pattern.startswith(public):
                return [(own + pattern.removeprefix(public), weight)]
        return [(name, weight)]
    inner = re.sub(r"^norm(\d)\.", _stage_norm, name.removeprefix(_SWIN))
    if _QKV in inner:
        inner = _renamed(inner, _SWIN_NAMES)
        parts = zip(_PARTS, weight.chunk(3), strict=True)
        return [
            (_OWN_SWIN + inner.replace(_QKV, f".attention.{part}_proj."), piece)
            for part, piece in parts
        ]
    return [(_OWN_SWIN + _renamed(inner, _SWIN_NAMES), weight)]


def _stage_norm(match: re.Match[str]) -> str:
    return f"hidden_states_norms.stage{int(match[1]) + 1}."


def _release_names(name: str, layers: int) -> list[str]:
    """The release's names for a weight of ours; q, k and v still apart."""
    if name.startswith(_OWN_SWIN):
        inner = name.removeprefix(_OWN_SWIN)
        if stage := re.match(r"hidden_states_norms\.stage(\d)\.", inner):
            return [f"{_SWIN}norm{int(stage[1]) - 1}.{inner.removeprefix(stage[0])}"]
        return [_SWIN + _renamed(inner, [(own, public) for public, own in _SWIN_NAMES])]
    found = []
    for public, own in _NAMES:
        if name.startswith(own):
            rest = name.removeprefix(own)
            count = range(layers) if "#" in public else [0]
            found += [public.replace("#", str(i)) + rest for i in count]
    return found


def _renamed(name: str, pairs: tuple[tuple[str, str], ...] | list[tuple[str, str]]) -> str:
    for before, after in pairs:
        # Names of the network's own parts begin with them, those of a block have a dot before.
        if before.startswith(".") and before in name:
            name = name.replace(before, after)
        elif name.startswith(before):
            name = after + name.removeprefix(before)
    return name
