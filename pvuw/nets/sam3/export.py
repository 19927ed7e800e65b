"""A tracker as others read it: the release's file, or a folder for `transformers`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor

from pvuw.errors import WeightsError
from pvuw.io.atomic import write_bytes_atomic, write_text_atomic
from pvuw.nets.sam3.config import SIZES, TrackerConfig
from pvuw.nets.sam3.keys import is_release, own_name, release_name, tracker_weights
from pvuw.nets.sam3.port import from_port, is_port, to_port
from pvuw.nets.sam3.vit import LN_EPS


def own_weights(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A tracker's weights by our names, whatever names they have."""
    if is_port(weights):
        return from_port(weights)
    if is_release(weights):
        return {own_name(name): weight for name, weight in tracker_weights(weights).items()}
    return dict(weights)


def release_weights(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A tracker's weights by the release's names, whatever names they have."""
    return {release_name(name): weight for name, weight in own_weights(weights).items()}


def write_port(weights: Mapping[str, Tensor], network: str, folder: Path) -> None:
    """Write the folder that `Sam3TrackerVideoModel.from_pretrained` reads, its configuration last.

    Args:
        weights: The tracker's, by any names.
        network: What `identify` calls them, which tells the size.
        folder: The new folder.

    Raises:
        WeightsError: If the size is none of ours: weights do not tell the number of heads.
    """
    size = network.removeprefix("SAM 3 ")
    if size not in SIZES:
        raise WeightsError(
            f"{folder}: no configuration for {network}; sizes are {', '.join(SIZES)}"
        )
    theirs = {name: w.contiguous() for name, w in to_port(own_weights(weights)).items()}
    config = json.dumps(port_config(SIZES[size]), indent=2, sort_keys=True)
    write_bytes_atomic(folder / "model.safetensors", save(theirs, metadata={"format": "pt"}))
    write_text_atomic(folder / "config.json", config + "\n")


def port_config(config: TrackerConfig) -> dict[str, Any]:
    """What `transformers` calls the numbers of a size."""
    trunk, width, side = config.trunk, config.width, config.image_size
    cells = side // trunk.patch
    shared = {"hidden_size": width, "image_size": side, "patch_size": trunk.patch}
    return {
        "architectures": ["Sam3TrackerVideoModel"],
        "model_type": "sam3_tracker_video",
        "image_size": side,
        "vision_config": {
            "model_type": "sam3_vision_model",
            "backbone_config": {
                "model_type": "sam3_vit_model",
                "hidden_size": trunk.width,
                "intermediate_size": trunk.hidden,
                "num_hidden_layers": trunk.depth,
                "num_attention_heads": trunk.heads,
                "image_size": side,
                "patch_size": trunk.patch,
                "pretrain_image_size": trunk.tile * trunk.patch,
                "window_size": trunk.window,
                "global_attn_indexes": list(trunk.global_blocks),
                "layer_norm_eps": LN_EPS,
            },
            "fpn_hidden_size": width,
            "backbone_feature_sizes": [[scale * cells] * 2 for scale in (4, 2, 1)],
        },
        "prompt_encoder_config": shared,
        "mask_decoder_config": {"hidden_size": width},
        "memory_attention_hidden_size": width,
        "memory_attention_num_layers": config.memory_layers,
        "memory_attention_feed_forward_hidden_size": config.memory_hidden,
        "memory_attention_rope_feat_sizes": [cells, cells],
        "memory_encoder_hidden_size": width,
        "memory_encoder_output_channels": config.memory_width,
        "mask_downsampler_embed_dim": width,
        "memory_fuser_num_layers": config.fuser_layers,
        "memory_fuser_embed_dim": width,
        "memory_fuser_intermediate_dim": 4 * width,
        "multimask_output_for_tracking": config.several_masks,
    }
