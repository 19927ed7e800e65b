"""Runs upstream's SAM 3 tracker, PyPI `sam3==0.1.4`, for `benchmarks.sam3_tracker`.

A process of its own, in an environment of its own (`sam3` wants other versions than we do), on the
CPU: device copies are no-ops, position tables are built without CUDA, the state stays on the CPU.
Reads a job from the standard input, prints one JSON line.
"""

import json
import sys
import time

import torch


def build(job):
    """Upstream's tracker with its own image encoder, at a job's sizes and with its weights."""
    from sam3.model.decoder import TransformerDecoderLayerv2, TransformerEncoderCrossAttention
    from sam3.model.memory import CXBlock, SimpleFuser, SimpleMaskDownSampler, SimpleMaskEncoder
    from sam3.model.model_misc import TransformerWrapper
    from sam3.model.necks import Sam3DualViTDetNeck
    from sam3.model.position_encoding import PositionEmbeddingSine
    from sam3.model.sam3_tracking_predictor import Sam3TrackerPredictor
    from sam3.model.vitdet import ViT
    from sam3.model.vl_combiner import SAM3VLBackbone
    from sam3.sam.transformer import RoPEAttention

    trunk, side = job["trunk"], job["image_size"]
    cells = side // 14

    def sine(features):
        return PositionEmbeddingSine(
            num_pos_feats=features, normalize=True, scale=None, temperature=10000
        )

    def attention(**options):
        return RoPEAttention(
            embedding_dim=256, num_heads=1, downsample_rate=1, dropout=0.1, rope_theta=10000.0,
            feat_sizes=[cells, cells], use_fa3=False, use_rope_real=False, **options,
        )  # fmt: skip

    layer = TransformerDecoderLayerv2(
        cross_attention_first=False, activation="relu", dim_feedforward=2048, dropout=0.1,
        pos_enc_at_attn=False, pre_norm=True, self_attention=attention(), d_model=256,
        pos_enc_at_cross_attn_keys=True, pos_enc_at_cross_attn_queries=False,
        cross_attention=attention(kv_in_dim=64, rope_k_repeat=True),
    )  # fmt: skip
    encoder = TransformerEncoderCrossAttention(
        remove_cross_attention_layers=[], batch_first=True, d_model=256, frozen=False,
        pos_enc_at_input=True, layer=layer, num_layers=4, use_act_checkpoint=False,
    )  # fmt: skip
    memory = SimpleMaskEncoder(
        out_dim=64,
        position_encoding=sine(64),
        mask_downsampler=SimpleMaskDownSampler(
            kernel_size=3, stride=2, padding=1, interpol_size=[16 * cells, 16 * cells]
        ),
        fuser=SimpleFuser(layer=CXBlock(dim=256, kernel_size=7, padding=3), num_layers=2),
    )
    vit = ViT(
        img_size=side, pretrain_img_size=336, patch_size=14, embed_dim=trunk["width"],
        depth=trunk["depth"], num_heads=trunk["heads"],
        mlp_ratio=trunk["hidden"] / trunk["width"],
        norm_layer="LayerNorm", drop_path_rate=0.0, qkv_bias=True, use_abs_pos=True,
        tile_abs_pos=True, global_att_blocks=tuple(trunk["global_blocks"]), rel_pos_blocks=(),
        use_rope=True, use_interp_rope=True, window_size=24, pretrain_use_cls_token=True,
        retain_cls_token=False, ln_pre=True, ln_post=False, return_interm_layers=False,
        bias_patch_embed=False, use_act_checkpoint=False,
    )  # fmt: skip
    neck = Sam3DualViTDetNeck(
        position_encoding=sine(256), d_model=256, scale_factors=[4.0, 2.0, 1.0, 0.5], trunk=vit,
        add_sam2_neck=True,
    )  # fmt: skip
    model = Sam3TrackerPredictor(
        image_size=side, num_maskmem=7, backbone=SAM3VLBackbone(scalp=1, visual=neck, text=None),
        backbone_stride=14,
        transformer=TransformerWrapper(encoder=encoder, decoder=None, d_model=256),
        maskmem_backbone=memory, multimask_output_in_sam=True,
        forward_backbone_per_frame_for_eval=True, trim_past_non_cond_mem_for_eval=False,
        multimask_output_for_tracking=True, multimask_min_pt_num=0, multimask_max_pt_num=1,
        always_start_from_first_ann_frame=False, non_overlap_masks_for_mem_enc=False,
        non_overlap_masks_for_output=False, max_cond_frames_in_attn=4,
        offload_output_to_cpu_for_eval=False, clear_non_cond_mem_around_input=True,
        fill_hole_area=0, use_memory_selection=True,
    )  # fmt: skip
    weights = torch.load(job["weights"], weights_only=True)["model"]
    named = {n.removeprefix("detector.").removeprefix("tracker."): w for n, w in weights.items()}
    missing, unexpected = model.load_state_dict(named, strict=False)
    left = [n for n in missing if "freqs_cis" not in n and ".vision_backbone.convs." not in n]
    if left or unexpected:
        raise SystemExit(f"weights do not fit: {left[:3]} missing, {unexpected[:3]} unexpected")
    return model.eval()


def bytes_of(state):
    """Bytes of all tensors in nested containers, each storage once."""
    seen = {}

    def walk(value):
        if isinstance(value, torch.Tensor):
            storage = value.untyped_storage()
            seen[storage.data_ptr()] = storage.nbytes()
        elif isinstance(value, dict):
            for child in value.values():
                walk(child)
        elif isinstance(value, list | tuple):
            for child in value:
                walk(child)

    walk(state)
    return sum(seen.values())


def main():
    """Track one video and print seconds and bytes held, frame by frame."""
    job = json.loads(sys.stdin.read())
    torch.set_num_threads(1)
    torch.Tensor.cuda = lambda self, *args, **kwargs: self
    torch.Tensor.pin_memory = lambda self, *args, **kwargs: self
    model = build(job)
    video = torch.load(job["video"], weights_only=True)
    frames, masks = video["frames"], video["masks"]
    seconds, held = [], []
    with torch.inference_mode(), torch.autocast("cpu", enabled=False):
        state = model.init_state(
            video_height=frames.shape[-2], video_width=frames.shape[-1],
            num_frames=job["frames"], offload_state_to_cpu=True,
        )  # fmt: skip
        # Frames repeat, so that a long video needs no long file; they are prepared beforehand.
        state["images"] = [video["squares"][t % len(frames)] for t in range(job["frames"])]
        for object_id, mask in enumerate(masks, 1):
            model.add_new_mask(state, 0, object_id, mask)
        started = time.process_time()
        for _ in model.propagate_in_video(
            state, start_frame_idx=0, max_frame_num_to_track=job["frames"], reverse=False,
            propagate_preflight=True,
        ):  # fmt: skip
            now = time.process_time()
            seconds.append(now - started)
            kept = {name: value for name, value in state.items() if name.startswith("output_dict")}
            held.append(bytes_of(kept))
            started = time.process_time()
    print(json.dumps({"seconds": seconds, "held": held}))


if __name__ == "__main__":
    main()
