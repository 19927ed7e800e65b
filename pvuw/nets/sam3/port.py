"""Names of SAM 3's weights in the folder that `transformers` publishes and reads, both ways."""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from pvuw.errors import WeightsError
from pvuw.nets.sam3.keys import renamed, rules_of

_BACKBONE = "detector_model.vision_encoder.backbone."
_TRACKER = "tracker_model."


def _mlp(ours: str, theirs: str) -> list[tuple[str, str]]:
    """Rules of three layers, of which `transformers` names the outer ones."""
    ends = ("proj_in.", "layers.0.", "proj_out.")
    return [(f"{ours}layers.{i}.", f"{_TRACKER}{theirs}{end}") for i, end in enumerate(ends)]


def _in_order(ours: str, theirs: str, names: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(f"{ours}{name}", f"{theirs}{other}") for name, other in names.items()]


_TRUNK_BLOCK = {
    "norm1.": "layer_norm1.",
    "norm2.": "layer_norm2.",
    "attn.proj.": "attention.o_proj.",
    "mlp.": "mlp.",
}
_NECK = {
    "0.dconv_2x2_0.": "0.scale_layers.0.",
    "0.dconv_2x2_1.": "0.scale_layers.2.",
    "1.dconv_2x2.": "1.scale_layers.0.",
    "#.conv_1x1.": "#.proj1.",
    "#.conv_3x3.": "#.proj2.",
}
_LOOSE = {
    "maskmem_tpos_enc": "memory_temporal_positional_encoding",
    "no_mem_embed": "no_memory_embedding",
    "no_mem_pos_enc": "no_memory_positional_encoding",
    "no_obj_ptr": "no_object_pointer",
    "no_obj_embed_spatial": "occlusion_spatial_embedding_parameter",
    "mask_downsample.": "mask_downsample.",
    "obj_ptr_tpos_proj.": "temporal_positional_encoding_projection_layer.",
}
_MEMORY_ATTENTION = {
    "layers.#.self_attn.out_proj.": "layers.#.self_attn.o_proj.",
    "layers.#.cross_attn_image.out_proj.": "layers.#.cross_attn_image.o_proj.",
    "layers.#.norm": "layers.#.layer_norm",
    "layers.": "layers.",
    "norm.": "layer_norm.",
}
_DOWNSAMPLER = {
    **{f"encoder.{3 * i}.": f"layers.{i}.conv." for i in range(4)},
    **{f"encoder.{3 * i + 1}.": f"layers.{i}.layer_norm." for i in range(4)},
    "encoder.12.": "final_conv.",
}
_MEMORY_ENCODER = {
    "pix_feat_proj.": "feature_projection.",
    "fuser.layers.#.gamma": "memory_fuser.layers.#.scale",
    "fuser.layers.#.dwconv.": "memory_fuser.layers.#.depthwise_conv.",
    "fuser.layers.#.norm.": "memory_fuser.layers.#.layer_norm.",
    "fuser.layers.#.pwconv": "memory_fuser.layers.#.pointwise_conv",
    "out_proj.": "projection.",
}
_PROMPT_ENCODER = {
    "mask_downscaling.0.": "mask_embed.conv1.",
    "mask_downscaling.1.": "mask_embed.layer_norm1.",
    "mask_downscaling.3.": "mask_embed.conv2.",
    "mask_downscaling.4.": "mask_embed.layer_norm2.",
    "mask_downscaling.6.": "mask_embed.conv3.",
    "no_mask_embed.": "no_mask_embed.",
    "not_a_point_embed.": "not_a_point_embed.",
}
_ATTENTIONS = ("self_attn", "cross_attn_token_to_image", "cross_attn_image_to_token")
_DECODER = {
    **{
        f"transformer.layers.#.{a}.out_proj.": f"transformer.layers.#.{a}.o_proj."
        for a in _ATTENTIONS
    },
    "transformer.layers.#.norm": "transformer.layers.#.layer_norm",
    "transformer.layers.#.mlp.layers.0.": "transformer.layers.#.mlp.proj_in.",
    "transformer.layers.#.mlp.layers.1.": "transformer.layers.#.mlp.proj_out.",
    "transformer.final_attn_token_to_image.out_proj.": (
        "transformer.final_attn_token_to_image.o_proj."
    ),
    "transformer.norm_final_attn.": "transformer.layer_norm_final_attn.",
    "transformer.": "transformer.",
    "output_upscaling.0.": "upscale_conv1.",
    "output_upscaling.1.": "upscale_layer_norm.",
    "output_upscaling.3.": "upscale_conv2.",
    **{f"{name}.weight": f"{name}.weight" for name in ("iou_token", "mask_tokens")},
    "obj_score_token.weight": "obj_score_token.weight",
    "conv_s": "conv_s",
}

_RULES: list[tuple[str, str]] = [
    *_in_order(
        "image_encoder.trunk.",
        _BACKBONE,
        {"patch_embed.proj.": "embeddings.patch_embeddings.projection.", "ln_pre.": "layer_norm."},
    ),
    *_in_order("image_encoder.trunk.blocks.#.", f"{_BACKBONE}layers.#.", _TRUNK_BLOCK),
    *_in_order("image_encoder.neck.convs.", "tracker_neck.fpn_layers.", _NECK),
    *_in_order("", _TRACKER, _LOOSE),
    *_in_order("memory_attention.", f"{_TRACKER}memory_attention.", _MEMORY_ATTENTION),
    *_in_order(
        "memory_encoder.mask_downsampler.",
        f"{_TRACKER}memory_encoder.mask_downsampler.",
        _DOWNSAMPLER,
    ),
    *_in_order("memory_encoder.", f"{_TRACKER}memory_encoder.", _MEMORY_ENCODER),
    *_in_order("sam_prompt_encoder.", f"{_TRACKER}prompt_encoder.", _PROMPT_ENCODER),
    *_mlp(
        "sam_mask_decoder.output_hypernetworks_mlps.#.", "mask_decoder.output_hypernetworks_mlps.#."
    ),
    *_mlp("sam_mask_decoder.iou_prediction_head.", "mask_decoder.iou_prediction_head."),
    *_mlp("sam_mask_decoder.pred_obj_score_head.", "mask_decoder.pred_obj_score_head."),
    *_mlp("obj_ptr_proj.", "object_pointer_proj."),
    *_in_order("sam_mask_decoder.", f"{_TRACKER}mask_decoder.", _DECODER),
]
"""Beginnings of our names and of theirs, `#` for a number; the first that fits is replaced."""

_TO_PORT = rules_of(_RULES)
_FROM_PORT = rules_of((theirs, ours) for ours, theirs in _RULES)

_POSITIONS = "image_encoder.trunk.pos_embed"
_THEIR_POSITIONS = f"{_BACKBONE}embeddings.position_embeddings"
_GAUSSIAN = "sam_prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"
_THEIR_GAUSSIAN = (
    f"{_TRACKER}shared_image_embedding.positional_embedding",
    f"{_TRACKER}prompt_encoder.shared_embedding.positional_embedding",
)
_POINTS = "sam_prompt_encoder.point_embeddings."
_THEIR_POINTS = f"{_TRACKER}prompt_encoder.point_embed.weight"
_NUM_POINTS = 4
_QKV = re.compile(r"^image_encoder\.trunk\.blocks\.(\d+)\.attn\.qkv\.(\w+)$")
_THEIR_QUERY = re.compile(rf"^{re.escape(_BACKBONE)}layers\.(\d+)\.attention\.([qkv])_proj\.(\w+)$")


def is_port(weights: Mapping[str, Tensor]) -> bool:
    """Whether names are those of `transformers`' folder."""
    return any(name.startswith((_BACKBONE, _TRACKER, "tracker_neck.")) for name in weights)


def to_port(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights by `transformers`' names, from all of a tracker's by ours."""
    theirs: dict[str, Tensor] = {}
    points: dict[str, Tensor] = {}
    for name, weight in weights.items():
        if name == _POSITIONS:
            theirs[_THEIR_POSITIONS] = weight[:, 1:]
        elif name == _GAUSSIAN:
            theirs.update({other: weight.clone() for other in _THEIR_GAUSSIAN})
        elif name.startswith(_POINTS):
            points[name] = weight
        elif match := _QKV.match(name):
            block, kind = match.groups()
            for part, rows in zip("qkv", weight.chunk(3), strict=True):
                theirs[f"{_BACKBONE}layers.{block}.attention.{part}_proj.{kind}"] = rows
        else:
            theirs[renamed(name, _TO_PORT)] = weight
    theirs[_THEIR_POINTS] = torch.cat([points[name] for name in sorted(points)])
    return theirs


def from_port(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights by our names, from those of a folder; what only the detector reads is left out.

    The unread position of the class token, which the folder lacks, becomes 0. Names that are
    missing stay missing, and unknown ones of the tracker keep their names, so that loading tells.

    Raises:
        WeightsError: If two copies of one weight differ.
    """
    ours: dict[str, Tensor] = {}
    parts: dict[str, dict[str, Tensor]] = {}
    for name, weight in weights.items():
        if not name.startswith((_BACKBONE, _TRACKER, "tracker_neck.")):
            continue
        if name == _THEIR_POSITIONS:
            ours[_POSITIONS] = torch.cat([torch.zeros_like(weight[:, :1]), weight], dim=1)
        elif name in _THEIR_GAUSSIAN:
            if _GAUSSIAN in ours and not torch.equal(ours[_GAUSSIAN], weight):
                raise WeightsError(f"{' and '.join(_THEIR_GAUSSIAN)} differ; they are one weight")
            ours[_GAUSSIAN] = weight
        elif name == _THEIR_POINTS:
            rows = weight.chunk(_NUM_POINTS)
            ours.update({f"{_POINTS}{i}.weight": row for i, row in enumerate(rows)})
        elif match := _THEIR_QUERY.match(name):
            block, part, kind = match.groups()
            joined = f"image_encoder.trunk.blocks.{block}.attn.qkv.{kind}"
            parts.setdefault(joined, {})[part] = weight
        else:
            ours[renamed(name, _FROM_PORT)] = weight
    complete = {name: found for name, found in parts.items() if len(found) == len("qkv")}
    ours.update({n: torch.cat([found[p] for p in "qkv"]) for n, found in complete.items()})
    return ours
