"""Names of the published weights and ours, both ways, and weights that are stored as one.

Ours are the modules of `Sa2va`: `mllm` with the names of transformers' classes, `text_hidden_fcs`,
`sam2` with SAM 2's own names, and `tuned_decoder` where SAM 2's is the original one (Sa2VA-i).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

_PART = r"\|[qkv]"
"""Marks, in a published name, which third of a joint weight ours is."""
_GROUPED = ".wqkv."
"""Joint weights of InternLM2: queries, keys and values of one group of heads stand together."""

Rules = Sequence[tuple[str, str]]
"""Pairs of a published name and ours: `#` is a number; of names that end in a dot or a letter the
rest follows unchanged."""

_SAM2 = (
    (
        "grounding_encoder.sam2_model.memory_encoder.fuser.layers.#.g_weight",
        "sam2.memory_encoder.fuser.layers.#.gamma",
    ),
    ("grounding_encoder.sam2_model.sam_mask_decoder_modified.", "tuned_decoder."),
    ("grounding_encoder.sam2_model.", "sam2."),
    ("text_hidden_fcs.", "text_hidden_fcs."),
)
_VIT, _OUR_VIT = "vision_model.encoder.layers.#.", "mllm.model.vision_tower.encoder.layer.#."
_LLM, _OUR_LLM = "language_model.model.", "mllm.model.language_model."
_VISION = (
    ("vision_model.embeddings.class_embedding", "mllm.model.vision_tower.embeddings.cls_token"),
    (
        "vision_model.embeddings.position_embedding",
        "mllm.model.vision_tower.embeddings.position_embeddings",
    ),
    (
        "vision_model.embeddings.patch_embedding.",
        "mllm.model.vision_tower.embeddings.patch_embeddings.projection.",
    ),
    *((f"{_VIT}attn.qkv|{part}.", f"{_OUR_VIT}attention.{part}_proj.") for part in "qkv"),
    (f"{_VIT}attn.proj.", f"{_OUR_VIT}attention.projection_layer."),
    (f"{_VIT}attn.", f"{_OUR_VIT}attention."),
    (f"{_VIT}norm1.", f"{_OUR_VIT}layernorm_before."),
    (f"{_VIT}norm2.", f"{_OUR_VIT}layernorm_after."),
    (f"{_VIT}ls1", f"{_OUR_VIT}lambda_1"),
    (f"{_VIT}ls2", f"{_OUR_VIT}lambda_2"),
    (f"{_VIT}mlp.", f"{_OUR_VIT}mlp."),
    ("mlp1.0.", "mllm.model.multi_modal_projector.layer_norm."),
    ("mlp1.1.", "mllm.model.multi_modal_projector.linear_1."),
    ("mlp1.3.", "mllm.model.multi_modal_projector.linear_2."),
)
_LLAMA_LIKE = ((_LLM, _OUR_LLM), ("language_model.lm_head.", "mllm.lm_head."))
_LAYER, _OUR_LAYER = f"{_LLM}layers.#.", f"{_OUR_LLM}layers.#."
_INTERNLM2 = (
    (f"{_LLM}tok_embeddings.", f"{_OUR_LLM}embed_tokens."),
    *((f"{_LAYER}attention.wqkv|{part}.", f"{_OUR_LAYER}self_attn.{part}_proj.") for part in "qkv"),
    (f"{_LAYER}attention.wo.", f"{_OUR_LAYER}self_attn.o_proj."),
    (f"{_LAYER}feed_forward.w1.", f"{_OUR_LAYER}mlp.gate_proj."),
    (f"{_LAYER}feed_forward.w2.", f"{_OUR_LAYER}mlp.down_proj."),
    (f"{_LAYER}feed_forward.w3.", f"{_OUR_LAYER}mlp.up_proj."),
    (f"{_LAYER}attention_norm.", f"{_OUR_LAYER}input_layernorm."),
    (f"{_LAYER}ffn_norm.", f"{_OUR_LAYER}post_attention_layernorm."),
    (f"{_LLM}norm.", f"{_OUR_LLM}norm."),
    ("language_model.output.", "mllm.lm_head."),
)
RULES: Mapping[str, Rules] = {
    "internvl": (*_SAM2, *_VISION, *_LLAMA_LIKE),
    "internvl_internlm2": (*_SAM2, *_VISION, *_INTERNLM2),
    "qwen_vl": (*_SAM2, ("model.", "mllm.")),
}
"""By layout; the first rule that fits a name holds."""


@dataclass(frozen=True)
class Layout:
    """How one family's weights are named and stored."""

    name: str
    """A key of `RULES`."""
    groups: int = 1
    """Heads of keys of the language model."""
    head_width: int = 1
    """Width of its heads."""

    def published(self, ours: str) -> str:
        """The published name of one of our weights, or of the joint weight it is a third of.

        Raises:
            KeyError: If the layout has no place for it.

        Example:
            >>> Layout("internvl").published("mllm.lm_head.weight")
            'language_model.lm_head.weight'
        """
        for theirs, own in RULES[self.name]:
            if (found := _renamed(ours, own, theirs)) is not None:
                return re.sub(_PART, "", found)
        raise KeyError(ours)

    def ours(self, published: str) -> list[str]:
        """Our names for a published one: three where it holds queries, keys and values; or none.

        Example:
            >>> Layout("internvl").ours("vision_model.encoder.layers.3.attn.qkv.bias")[1]
            'mllm.model.vision_tower.encoder.layer.3.attention.k_proj.bias'
        """
        renamed = [
            (bool(re.search(_PART, theirs)), name)
            for theirs, own in RULES[self.name]
            if (name := _renamed(published, re.sub(_PART, "", theirs), own)) is not None
        ]
        return [name for joint, name in renamed if joint] or [name for _, name in renamed[:1]]

    def split(self, published: str, weight: Tensor) -> list[Tensor]:
        """A published weight as ours, in the order of `ours`."""
        if len(self.ours(published)) == 1:
            return [weight]
        if _GROUPED not in published:
            return list(weight.chunk(3))
        grouped = self._grouped(weight)
        parts = grouped[:, :-2], grouped[:, -2:-1], grouped[:, -1:]
        return [part.flatten(0, 2) for part in parts]

    def join(self, published: str, parts: Sequence[Tensor]) -> Tensor:
        """The inverse of `split`."""
        if len(parts) == 1:
            return parts[0]
        if _GROUPED not in published:
            return torch.cat(list(parts))
        return torch.cat([self._grouped(part) for part in parts], 1).flatten(0, 2)

    def _grouped(self, weight: Tensor) -> Tensor:
        """Rows as `[groups, heads of a group, head width, ...]`."""
        return weight.reshape(self.groups, -1, self.head_width, *weight.shape[1:])


def _renamed(name: str, pattern: str, into: str) -> str | None:
    """`name` with what `pattern` says replaced by `into`, or None where it does not begin so."""
    matched = re.match(re.escape(pattern).replace(r"\#", r"(\d+)"), name)
    if matched is None:
        return None
    for number in matched.groups():
        into = into.replace("#", number, 1)
    return into + name[matched.end() :]
