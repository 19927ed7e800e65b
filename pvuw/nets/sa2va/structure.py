"""How a published Sa2VA is built, read from its `config.json`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pvuw.errors import PvuwError, WeightsError
from pvuw.nets.sa2va.keys import Layout

_LLMS = ("Qwen2ForCausalLM", "InternLM2ForCausalLM", "Qwen3ForCausalLM", "LlamaForCausalLM")
"""Language models behind InternVL that are known here."""
_MODEL_TYPE = "sa2va_chat"
"""What every `config.json` of Sa2VA calls itself, and the models it was made from do not."""
_SIZES = {
    (96, "Qwen2ForCausalLM", 128): "nano",
    (1024, "Qwen2ForCausalLM", 896): "1B",
    (1024, "Qwen2ForCausalLM", 1536): "InternVL3-2B",
    (1024, "Qwen2ForCausalLM", 2048): "4B",
    (1024, "Qwen2ForCausalLM", 3584): "InternVL3-8B",
    (1024, "Qwen2ForCausalLM", 5120): "InternVL3-14B",
    (1024, "InternLM2ForCausalLM", 4096): "8B",
    (3200, "InternLM2ForCausalLM", 6144): "26B",
    ("qwen2_5_vl", 2048): "Qwen2.5-VL-3B",
    ("qwen2_5_vl", 3584): "Qwen2.5-VL-7B",
    ("qwen3_vl", 2048): "Qwen3-VL-2B",
    ("qwen3_vl", 2560): "Qwen3-VL-4B",
}
"""Published sizes by width of the vision tower, language model and its width."""


@dataclass(frozen=True)
class Structure:
    """A network's parts and their sizes."""

    name: str
    """Such as `Sa2VA 4B`."""
    layout: Layout
    """How its published weights are named."""
    config: Any
    """What transformers' class is built from."""
    image_side: int
    """Side in pixels of the frames the language model sees; 0 where it takes any."""
    published: Mapping[str, Any]
    """The content of `config.json`."""

    @property
    def is_qwen_vl(self) -> bool:
        """Whether frames are read as Qwen's models do."""
        return self.layout.name == "qwen_vl"

    @property
    def width(self) -> int:
        """Width of the language model."""
        return int(self.config.get_text_config().hidden_size)

    @property
    def max_context(self) -> int:
        """Most tokens that the language model reads and writes."""
        return int(self.config.get_text_config().max_position_embeddings)

    @property
    def tokens_per_frame(self) -> int:
        """Tokens of a frame in InternVL's chat."""
        cells = self.image_side // self.published["vision_config"]["patch_size"]
        return int(cells**2 * self.published["downsample_ratio"] ** 2)


def read_structure(folder: Path) -> Structure:
    """The structure of a published directory.

    Raises:
        WeightsError: If there is no `config.json`, or it describes nothing known here.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise WeightsError(
            f"{folder}: no config.json; give a directory as Sa2VA is published (docs/sa2va.md)"
        )
    try:
        published = json.loads(path.read_text())
    except ValueError as error:
        raise WeightsError(f"{path}: not JSON ({error}); download it again") from error
    if not isinstance(published, dict):
        raise WeightsError(f"{path}: not a mapping; download it again")
    return structure_of(published, where=str(path))


def describe(folder: Path) -> str | None:
    """Such as `Sa2VA 4B`, of a directory of Sa2VA; None of any other. Needs no transformers."""
    try:
        published = json.loads((folder / "config.json").read_text())
    except (OSError, ValueError):
        return None
    if not isinstance(published, dict) or published.get("model_type") != _MODEL_TYPE:
        return None
    try:
        return _name(published)
    except KeyError:
        return "Sa2VA of another size"


def _key(published: Mapping[str, Any]) -> tuple[Any, ...]:
    if "text_config" in published:
        return _kind(published), published["text_config"]["hidden_size"]
    language = published["llm_config"]
    architecture = (language.get("architectures") or ["unknown"])[0]
    return published["vision_config"]["hidden_size"], architecture, language["hidden_size"]


def _kind(published: Mapping[str, Any]) -> str:
    """Which of Qwen's models."""
    vision = str(published.get("vision_config", {}).get("model_type", ""))
    named = f"{published.get('model_type')} {vision}"
    return "qwen3_vl" if "qwen3_vl" in named else "qwen2_5_vl"


def structure_of(published: Mapping[str, Any], *, where: str) -> Structure:
    """The structure that a `config.json` describes.

    Args:
        published: Its content.
        where: Names the file in messages.

    Raises:
        WeightsError: If it describes nothing known here.
        PvuwError: If transformers is not installed.
    """
    try:
        if "text_config" in published:
            return _qwen_vl(published)
        return _internvl(published, where)
    except ModuleNotFoundError as error:
        raise PvuwError(
            f"Sa2VA needs {error.name}, which is not installed: pip install 'pvuw-vos[language]'"
        ) from error
    except KeyError as error:
        raise WeightsError(f"{where}: has no {error}; is it the config.json of Sa2VA?") from error


def _internvl(published: Mapping[str, Any], where: str) -> Structure:
    from transformers import InternVLConfig, InternVLVisionConfig

    vision, language = published["vision_config"], published["llm_config"]
    side = published.get("force_image_size") or vision["image_size"]
    architecture = (language.get("architectures") or ["unknown"])[0]
    if architecture not in _LLMS:
        raise WeightsError(
            f"{where}: the language model is {architecture}, known are {', '.join(_LLMS)}"
        )
    if published.get("select_layer", -1) != -1 or published.get("ps_version", "v2") != "v2":
        raise WeightsError(
            f"{where}: select_layer {published.get('select_layer')} and ps_version "
            f"{published.get('ps_version')}; known is what all releases have, -1 and v2"
        )
    config = InternVLConfig(
        vision_config=InternVLVisionConfig(
            hidden_size=vision["hidden_size"],
            num_hidden_layers=vision["num_hidden_layers"],
            num_attention_heads=vision["num_attention_heads"],
            intermediate_size=vision["intermediate_size"],
            attention_bias=vision["qkv_bias"],
            use_qk_norm=vision["qk_normalization"],
            norm_type=vision["norm_type"],
            layer_norm_eps=vision["layer_norm_eps"],
            image_size=side,
            patch_size=vision["patch_size"],
        ),
        text_config=_language_config(architecture, language),
        downsample_ratio=published["downsample_ratio"],
        tie_word_embeddings=False,
    )
    heads = int(language["num_attention_heads"])
    layout = Layout(
        "internvl_internlm2" if architecture == "InternLM2ForCausalLM" else "internvl",
        groups=int(language.get("num_key_value_heads") or heads),
        head_width=int(language["hidden_size"]) // heads,
    )
    return Structure(_name(published), layout, config, int(side), published)


def _language_config(architecture: str, language: Mapping[str, Any]) -> Any:
    """Configuration of the language model; InternLM2 computes what Llama does."""
    from transformers import LlamaConfig, Qwen2Config, Qwen3Config

    left_out = ("architectures", "model_type", "auto_map", "torch_dtype", "attn_implementation")
    given = {name: value for name, value in language.items() if name not in left_out}
    given["tie_word_embeddings"] = False
    if architecture == "InternLM2ForCausalLM":
        bias = bool(given.pop("bias", False))
        return LlamaConfig(**given, attention_bias=bias, mlp_bias=False)
    kinds = {"Qwen2ForCausalLM": Qwen2Config, "Qwen3ForCausalLM": Qwen3Config}
    return kinds.get(architecture, LlamaConfig)(**given)


def _qwen_vl(published: Mapping[str, Any]) -> Structure:
    from transformers import Qwen2_5_VLConfig, Qwen3VLConfig

    given = {
        name: published[name]
        for name in ("text_config", "vision_config", "image_token_id", "video_token_id",
                     "vision_start_token_id", "vision_end_token_id")
        if name in published
    }  # fmt: skip
    config = (Qwen3VLConfig if _kind(published) == "qwen3_vl" else Qwen2_5_VLConfig)(
        **given, tie_word_embeddings=False
    )
    return Structure(_name(published), Layout("qwen_vl"), config, 0, published)


def _name(published: Mapping[str, Any]) -> str:
    return f"Sa2VA {_SIZES.get(_key(published), 'of another size')}"
