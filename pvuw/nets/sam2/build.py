"""Builds SAM 2 networks from the `sam2` package's own YAML files, without global Hydra state."""

from importlib.resources import files
from pathlib import Path
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from sam2.modeling.sam2_base import SAM2Base

from pvuw.errors import PvuwError

OFFICIAL_SIZES = {"tiny": "t", "small": "s", "base_plus": "b+", "large": "l"}
"""Our size names and how the official configuration files abbreviate them."""

SIZES = ("nano", *OFFICIAL_SIZES)
"""All size names, smallest first."""

VERSIONS = {"2.0": "configs/sam2/sam2_hiera_{}.yaml", "2.1": "configs/sam2.1/sam2.1_hiera_{}.yaml"}
"""Releases of the official sizes and where the `sam2` package keeps their configurations."""

_UPSTREAM_ROPE = "sam2.modeling.sam.transformer.RoPEAttention"
_OUR_ROPE = "pvuw.nets.sam2.rope.PortableRoPEAttention"


def build_sam2_base(
    size: str,
    *,
    image_size: int | None = None,
    mask_scale: float = 20.0,
    mask_bias: float = -10.0,
    version: str = "2.1",
    drop_path_rate: float = 0.0,
) -> SAM2Base:
    """Build a SAM 2 network with fresh random weights, on the CPU and in training mode.

    The arguments are those of `model_config`.

    Raises:
        PvuwError: If `model_config` refuses, or the configuration builds something else.
    """
    model = model_config(
        size,
        image_size=image_size,
        mask_scale=mask_scale,
        mask_bias=mask_bias,
        version=version,
        drop_path_rate=drop_path_rate,
    )
    network = instantiate(model, _convert_="all")
    if not isinstance(network, SAM2Base):
        raise PvuwError(f"{size}: builds a {type(network).__name__}; `model` must be a SAM2Base")
    return network


def model_config(
    size: str,
    *,
    image_size: int | None,
    mask_scale: float,
    mask_bias: float,
    version: str,
    drop_path_rate: float,
) -> DictConfig:
    """What a SAM 2 network is built from, key by key as in upstream's YAML files.

    Args:
        size: `nano`, `tiny`, `small`, `base_plus`, `large`, or a YAML file like upstream's.
        image_size: Side of the square the network sees, in pixels, a multiple of 32; default: what
            the configuration says (256 for nano, 1024 for the official sizes). No weight depends
            on it.
        mask_scale: A mask enters memory as `sigmoid(logits) * mask_scale + mask_bias`. Not part of
            any checkpoint: a network must be run with the values it was trained with.
        mask_bias: See `mask_scale`.
        version: `2.1` or `2.0`, the release of the official sizes; anything else has only `2.1`.
        drop_path_rate: Chance, in training, that a clip's frame passes by the last block of the
            image encoder's trunk; from there it falls linearly to 0 at the first block. Upstream's
            files for inference leave it out, the one for training says 0.1.

    Raises:
        PvuwError: If the size or version is unknown, `image_size` is no multiple of 32 or
            `drop_path_rate` not in 0..1 (1 excluded).
    """
    if not 0 <= drop_path_rate < 1:
        raise PvuwError(f"drop_path_rate must be at least 0 and below 1, got {drop_path_rate}")
    config = OmegaConf.load(config_path(size, version=version))
    if not isinstance(config, DictConfig) or "model" not in config:
        raise PvuwError(
            f"{size}: has no `model` key; give a configuration laid out like upstream's"
        )
    model: DictConfig = config.model
    side = model.image_size if image_size is None else image_size
    if side < 32 or side % 32:
        raise PvuwError(f"image_size must be a positive multiple of 32, got {side}")
    model.image_size = side
    model.sigmoid_scale_for_mem_enc = mask_scale
    model.sigmoid_bias_for_mem_enc = mask_bias
    if drop_path_rate:
        model.image_encoder.trunk.drop_path_rate = drop_path_rate
    _fit_rotary_tables(model.memory_attention.layer, side // 16)
    _no_cache_on_gpu(model)
    return model


def config_path(size: str, *, version: str = "2.1") -> Path:
    """Path of the YAML file that describes a network size.

    Raises:
        PvuwError: If there is no such size, version or file.

    Example:
        >>> config_path("base_plus").name
        'sam2.1_hiera_b+.yaml'
    """
    if version not in VERSIONS:
        raise PvuwError(f"version must be one of {', '.join(VERSIONS)}, got {version!r}")
    if size in OFFICIAL_SIZES:
        return Path(str(files("sam2"))) / VERSIONS[version].format(OFFICIAL_SIZES[size])
    if version != "2.1":
        sizes = ", ".join(OFFICIAL_SIZES)
        raise PvuwError(f"version {version} exists for {sizes} only, got size {size!r}")
    path = Path(__file__).with_name("nano.yaml") if size == "nano" else Path(size)
    if path.suffix not in {".yaml", ".yml"}:
        raise PvuwError(f"size must be one of {', '.join(SIZES)} or a YAML file, got {size!r}")
    if not path.is_file():
        raise PvuwError(f"{path}: no such file; give a YAML file or one of {', '.join(SIZES)}")
    return path


def _fit_rotary_tables(layer: DictConfig, cells: int) -> None:
    """Make both attentions of a memory layer build their tables for a map of `cells x cells`."""
    for attention in (layer.self_attention, layer.cross_attention):
        if attention["_target_"] == _UPSTREAM_ROPE:
            attention["_target_"] = _OUR_ROPE
            attention.feat_sizes = [cells, cells]


def _no_cache_on_gpu(node: Any) -> None:
    """Keep the position encodings from filling a cache on `cuda:0` when they are built."""
    if not isinstance(node, DictConfig):
        return
    if str(node.get("_target_")).endswith(".PositionEmbeddingSine"):
        node.warmup_cache = False
    for child in node.values():
        _no_cache_on_gpu(child)
