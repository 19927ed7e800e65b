"""Builds the parts of Sa2VA, with or without a place for the language model's weights."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sam2.modeling.sam2_base import SAM2Base
from torch import nn

from pvuw.errors import PvuwError
from pvuw.nets.sa2va.structure import Structure
from pvuw.nets.sam2.build import build_sam2_base

NANO = Path(__file__).with_name("nano")
"""The structure and tokenizer of the smallest one, for training from scratch."""
SAM2_FILE = "sam2.yaml"
"""In a directory whose SAM 2 is not the published one, what it is built from."""


def build_mllm(structure: Structure, *, empty: bool) -> nn.Module:
    """The class of transformers for the language model and its eyes.

    Args:
        structure: What to build.
        empty: Without weights, on the device `meta`; else with random ones.
    """
    from transformers import (
        InternVLForConditionalGeneration,
        Qwen2_5_VLForConditionalGeneration,
        Qwen3VLForConditionalGeneration,
    )

    kinds: Mapping[str, Any] = {
        "internvl": InternVLForConditionalGeneration,
        "qwen2_5_vl": Qwen2_5_VLForConditionalGeneration,
        "qwen3_vl": Qwen3VLForConditionalGeneration,
    }
    kind = kinds[structure.config.model_type]
    if not empty:
        built: nn.Module = kind(structure.config)
        return built
    try:
        from accelerate import init_empty_weights
    except ModuleNotFoundError as error:
        raise PvuwError(
            f"Sa2VA needs {error.name}, which is not installed: pip install 'pvuw-vos[language]'"
        ) from error
    with init_empty_weights(include_buffers=False):
        whole: nn.Module = kind(structure.config)
    return whole


def build_sam2(structure: Structure, folder: Path) -> SAM2Base:
    """SAM 2 as the directory has it: 2.0 large with frames of 1024 pixels unless it says else."""
    own = folder / SAM2_FILE
    if own.is_file():
        return build_sam2_base(str(own))
    size = structure.published.get("sam2_size")
    return build_sam2_base("large", version="2.0") if size is None else build_sam2_base(size)
