"""Upstream's SAM 2 predictor as the oracle, and videos to compare on."""

import contextlib
import io
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from PIL import Image
from torch.nn import functional as F

from pvuw.nets.sam2.build import config_path

SHARED = Path(__file__).parents[3] / "shared" / "data"
"""Real clips, beside the checkout; not everybody has them."""


def build_predictor(size, image_size):
    """Upstream's video predictor with random weights, built without our code, in eval mode."""
    config = OmegaConf.load(config_path(size)).model
    config["_target_"] = "sam2.sam2_video_predictor.SAM2VideoPredictor"
    config.image_size = image_size
    layer = config.memory_attention.layer
    for attention in (layer.self_attention, layer.cross_attention):
        attention.feat_sizes = [image_size // 16, image_size // 16]
    return instantiate(config, _convert_="all").eval()


def strengthen(model, *, gain):
    """Give memory a say in random weights' masks, and make objects count as visible.

    With plain random weights masks hardly depend on memory, and comparing them shows nothing. With
    too much gain the rounding of memory to bfloat16 blows batching's last-bit differences up.
    """
    with torch.no_grad():
        for block in model.memory_encoder.fuser.layers:
            block.gamma.fill_(0.5)
        model.memory_encoder.mask_downsampler.encoder[-1].weight.mul_(gain)
        for layer in model.memory_attention.layers:
            layer.cross_attn_image.q_proj.weight.mul_(gain)
            layer.self_attn.out_proj.weight.mul_(4)
            layer.cross_attn_image.out_proj.weight.mul_(4)
        model.sam_mask_decoder.pred_obj_score_head.layers[-1].bias.fill_(3)


@torch.inference_mode()
def reference_logits(predictor, folder, prompts):
    """Upstream's mask logits of every frame of a JPEG folder, float `[N, H, W]` each.

    Args:
        predictor: From `build_predictor`.
        folder: JPEG files named by number.
        prompts: Masks by object id by frame, bool `[H, W]`. Those after the first frame are given
            when propagation has come that far, as an interactive user would.
    """
    logits = []
    with contextlib.redirect_stderr(io.StringIO()):  # progress bars
        state = predictor.init_state(str(folder))
        stops = [*sorted(prompts), state["num_frames"]]
        for start, stop in pairwise(stops):
            for object_id, mask in prompts[start].items():
                predictor.add_new_mask(state, start, object_id, mask)
            steps = predictor.propagate_in_video(state, start, stop - 1 - start)
            logits += [masks[:, 0] for _, _, masks in steps]
    return logits


def at_size(mask_logits, size_hw):
    """Logits `[N, h, w]` at another size, each object for itself as upstream's batches are."""
    return F.interpolate(mask_logits[:, None], size=size_hw, mode="bilinear", align_corners=False)[
        :, 0
    ]


def read_frames(folder):
    """Frames of a JPEG folder, uint8 `[3, H, W]`."""
    files = sorted(Path(folder).glob("*.jpg"))
    return [
        torch.from_numpy(np.array(Image.open(f).convert("RGB"))).permute(2, 0, 1) for f in files
    ]


def write_generated_video(folder, *, num_frames=20, size_hw=(90, 120)):
    """Write JPEGs of three textured discs on a textured ground; the third leaves half-way.

    Returns:
        Id map of each frame, uint8 `[T, H, W]`.
    """
    generator = np.random.default_rng(0)
    height, width = size_hw
    ground, *skins = generator.integers(0, 256, (4, height // 3, width // 3, 3), dtype=np.uint8)
    ground = np.array(Image.fromarray(ground).resize((width, height)))
    y, x = np.mgrid[:height, :width]
    id_maps = np.zeros((num_frames, height, width), np.uint8)
    folder.mkdir(parents=True)
    for time in range(num_frames):
        frame = ground.copy()
        centers = ((30 + time, 30), (60, 40 + 2 * time), (20, 90 + 5 * time))
        for object_id, ((row, column), skin) in enumerate(zip(centers, skins, strict=True), 1):
            inside = (y - row) ** 2 + (x - column) ** 2 < 14**2
            skin = np.array(Image.fromarray(skin).resize((width, height), Image.Resampling.NEAREST))
            frame[inside] = skin[inside]
            id_maps[time][inside] = object_id
        Image.fromarray(frame).save(folder / f"{time:05d}.jpg", quality=95)
    return id_maps
