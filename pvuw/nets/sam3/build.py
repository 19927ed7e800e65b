"""Builds SAM 3's tracker: the modules of SAM 2 around another image encoder."""

from typing import Any

from sam2.modeling.memory_attention import MemoryAttention, MemoryAttentionLayer
from sam2.modeling.memory_encoder import CXBlock, Fuser, MaskDownSampler, MemoryEncoder
from sam2.modeling.position_encoding import PositionEmbeddingSine
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor
from torch.nn import functional as F

from pvuw.errors import PvuwError
from pvuw.nets.sam2.rope import PortableRoPEAttention
from pvuw.nets.sam3.config import TrackerConfig, config_of
from pvuw.nets.sam3.neck import ImageEncoder
from pvuw.nets.sam3.vit import ImageTrunk

MAX_PROMPTED = 4
"""Prompted frames that a frame reads, the nearest ones; SAM 2 reads all."""

_SWITCHES: dict[str, Any] = {
    "num_maskmem": 7,
    "max_cond_frames_in_attn": MAX_PROMPTED,
    "sigmoid_scale_for_mem_enc": 20.0,
    "sigmoid_bias_for_mem_enc": -10.0,
    "binarize_mask_from_pts_for_mem_enc": True,
    "use_mask_input_as_output_without_sam": True,
    "directly_add_no_mem_embed": True,
    "no_obj_embed_spatial": True,
    "use_high_res_features_in_sam": True,
    "multimask_output_in_sam": True,
    "multimask_min_pt_num": 0,
    "multimask_max_pt_num": 1,
    "use_multimask_token_for_obj_ptr": True,
    "iou_prediction_use_sigmoid": True,
    "use_obj_ptrs_in_encoder": True,
    "add_tpos_enc_to_obj_ptrs": True,
    "proj_tpos_enc_in_obj_ptrs": True,
    "use_signed_tpos_enc_to_obj_ptrs": True,
    "only_obj_ptrs_in_the_past_for_eval": True,
    "pred_obj_scores": True,
    "pred_obj_scores_mlp": True,
    "fixed_no_obj_ptr": True,
    "use_mlp_for_obj_ptr_proj": True,
}
"""SAM 3's behaviour in SAM 2's terms."""


def build_tracker(
    size: str | TrackerConfig, *, image_size: int | None = None, **switches: Any
) -> SAM2Base:
    """Build a tracker with fresh random weights, on the CPU and in training mode.

    Args:
        size: `nano`, `official`, or the numbers themselves.
        image_size: Side of the square the network sees, in pixels, a multiple of the patch (14).
            No weight depends on it; windows are whole at multiples of 336 (nano: 56).
        switches: Values of `SAM2Base` that differ from the release's.

    Raises:
        PvuwError: If the size is unknown or `image_size` is no multiple of the patch.
    """
    config = config_of(size) if isinstance(size, str) else size
    patch = config.trunk.patch
    side = config.image_size if image_size is None else image_size
    if side < patch or side % patch:
        raise PvuwError(
            f"image_size must be a positive multiple of {patch}, got {side}; the release's is "
            f"{TrackerConfig().image_size}"
        )
    return SAM2Base(
        image_encoder=ImageEncoder(ImageTrunk(config.trunk), config.width),
        memory_attention=_memory_attention(config, side // patch),
        memory_encoder=_memory_encoder(config),
        image_size=side,
        backbone_stride=patch,
        multimask_output_for_tracking=config.several_masks,
        **{**_SWITCHES, **switches},
    )


class ResizingMaskDownSampler(MaskDownSampler):  # type: ignore[misc]
    """SAM 2's, which makes one cell of 16 pixels, for features whose cells are of another size.

    The mask is resized after it was turned into the values that memory takes, as upstream does.

    Args:
        patch: Pixels of a feature cell.
        embed_dim: Channels of the result.
    """

    def __init__(self, patch: int, embed_dim: int) -> None:
        super().__init__(embed_dim=embed_dim, kernel_size=3, stride=2, padding=1)
        self.patch = patch

    def forward(self, masks: Tensor) -> Tensor:
        """Features of masks, float `[N, C, h, w]`, from float `[N, 1, S, S]`."""
        height, width = (16 * (side // self.patch) for side in masks.shape[-2:])
        resized = F.interpolate(
            masks.float(),
            size=(height, width),
            mode="bilinear",
            align_corners=False,
            antialias=True,
        )
        features: Tensor = super().forward(resized)
        return features


def _memory_attention(config: TrackerConfig, cells: int) -> MemoryAttention:
    width, sizes = config.width, (cells, cells)
    shared: dict[str, Any] = {
        "num_heads": 1,
        "downsample_rate": 1,
        "dropout": config.memory_dropout,
    }
    layer = MemoryAttentionLayer(
        activation="relu",
        d_model=width,
        dim_feedforward=config.memory_hidden,
        dropout=config.memory_dropout,
        pos_enc_at_attn=False,
        pos_enc_at_cross_attn_keys=True,
        pos_enc_at_cross_attn_queries=False,
        self_attention=PortableRoPEAttention(embedding_dim=width, feat_sizes=sizes, **shared),
        cross_attention=PortableRoPEAttention(
            embedding_dim=width,
            kv_in_dim=config.memory_width,
            feat_sizes=sizes,
            rope_k_repeat=True,
            **shared,
        ),
    )
    return MemoryAttention(
        width, pos_enc_at_input=True, layer=layer, num_layers=config.memory_layers
    )


def _memory_encoder(config: TrackerConfig) -> MemoryEncoder:
    width = config.width
    block = CXBlock(width, layer_scale_init_value=config.fuser_scale)
    return MemoryEncoder(
        out_dim=config.memory_width,
        mask_downsampler=ResizingMaskDownSampler(config.trunk.patch, width),
        fuser=Fuser(block, config.fuser_layers),
        position_encoding=PositionEmbeddingSine(config.memory_width, warmup_cache=False),
        in_dim=width,
    )
