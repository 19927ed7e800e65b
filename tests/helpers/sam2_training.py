"""Upstream's training code as the oracle of ours, with weights and clips that never change."""

import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from pvuw.nets.sam2.build import build_sam2_base, config_path
from pvuw.nets.sam2.prompt_plan import PromptPlan, TrainingPrompts, draw_plan
from pvuw.ops.images import normalize_images
from pvuw.types import VideoBatch

GOLDEN = Path(__file__).parents[1] / "data" / "sam2_training" / "golden.json"
SEED = 5
"""Of torch's generator at the start of every forward; dropout draws from it."""
_PART_NAMES = {
    "core_loss": "total",
    "loss_mask": "ce",
    "loss_dice": "dice",
    "loss_iou": "iou",
    "loss_class": "presence",
}
_SAME_IN_EVAL = ("add_all_frames_to_correct_as_cond", "num_correction_pt_per_frame")


@dataclass(frozen=True)
class Case:
    """One comparison; the third object of the second clip leaves after two frames."""

    num_frames: int = 4
    conditioning_frames: tuple[int, ...] = (0,)
    dropout: float = 0.0
    drop_path: float = 0.0
    presence_bias: float = 3.0
    size: str = "nano"
    image_size: int = 128
    prompts: TrainingPrompts | None = None
    """Clicks and boxes, drawn from `draws`; None: masks on `conditioning_frames`."""
    draws: int = 0

    def plan(self):
        """What ours is prompted with."""
        if self.prompts is None:
            return PromptPlan.of_masks(self.conditioning_frames)
        return draw_plan(self.prompts, self.num_frames, np.random.default_rng(self.draws))


ONE_CLICK = TrainingPrompts(
    prob_to_use_pt_input=1,
    prob_to_use_box_input=0,
    num_init_cond_frames=1,
    num_frames_to_correct=1,
)
TWO_FRAMES = replace(
    ONE_CLICK, num_init_cond_frames=2, rand_init_cond_frames=False, num_frames_to_correct=2
)
OTHERS_TOO = replace(
    ONE_CLICK,
    num_frames_to_correct=3,
    rand_frames_to_correct=False,
    num_correction_pt_per_frame=2,
    prob_to_sample_from_gt=0.5,
)
CLICK_CASES = {
    "seven corrections": Case(prompts=ONE_CLICK),
    "two clicked frames": Case(prompts=TWO_FRAMES, draws=1),
    "boxes": Case(prompts=replace(TWO_FRAMES, prob_to_use_box_input=1)),
    "a box and one correction": Case(
        prompts=replace(ONE_CLICK, prob_to_use_box_input=1, num_correction_pt_per_frame=1)
    ),
    "random frames corrected": Case(num_frames=5, prompts=OTHERS_TOO),
    "random frames corrected, not as prompted": Case(
        num_frames=5, prompts=replace(OTHERS_TOO, add_all_frames_to_correct_as_cond=False)
    ),
    "clicked objects called absent": Case(
        prompts=replace(TWO_FRAMES, num_correction_pt_per_frame=3), presence_bias=-0.45
    ),
    "clicks with dropout": Case(
        prompts=replace(TWO_FRAMES, num_correction_pt_per_frame=1), dropout=0.1
    ),
    "one frame": Case(num_frames=1, prompts=TrainingPrompts(num_correction_pt_per_frame=2)),
    **{f"the recipe, {k}": Case(prompts=TrainingPrompts(), draws=k) for k in range(4)},
}
CASES = {
    "one given frame": Case(),
    "two given frames": Case(conditioning_frames=(0, 2)),
    "objects called absent": Case(presence_bias=-0.45),
    "more frames than memory holds": Case(num_frames=9),
    "dropout": Case(dropout=0.1),
    "stochastic depth": Case(drop_path=0.5),
    "stochastic depth and dropout": Case(drop_path=0.1, dropout=0.1),
}
FROZEN_CASES = (
    *(name for name, case in CASES.items() if not case.dropout and not case.drop_path),
    "seven corrections",
    "two clicked frames",
    "random frames corrected",
    "random frames corrected, not as prompted",
    "clicked objects called absent",
)
"""Those without draws from torch's generator, which is not the same everywhere."""


def build(case):
    """Our network of a case, in training mode."""
    model = build_sam2_base(case.size, image_size=case.image_size, drop_path_rate=case.drop_path)
    _prepare(model, case)
    return model


def build_trainer(case):
    """Upstream's `SAM2Train` with the same weights, prompted by masks."""
    config = OmegaConf.load(config_path(case.size)).model
    config["_target_"] = "training.model.sam2.SAM2Train"
    config.image_size = case.image_size
    config.image_encoder.trunk.drop_path_rate = case.drop_path
    layer = config.memory_attention.layer
    for attention in (layer.self_attention, layer.cross_attention):
        attention.feat_sizes = [case.image_size // 16, case.image_size // 16]
    if case.prompts is None:
        config.num_init_cond_frames_for_train = len(case.conditioning_frames)
        config.rand_init_cond_frames_for_train = False
    else:
        _set_prompts(config, case.prompts)
    trainer = instantiate(config, _convert_="all")
    trainer.rng = np.random.default_rng(case.draws) if case.prompts else _replay(case)
    _prepare(trainer, case)
    return trainer


def _set_prompts(config, prompts):
    for name, value in vars(prompts).items():
        config[name if name in _SAME_IN_EVAL else f"{name}_for_train"] = value
    config.num_frames_to_correct_for_eval = config.num_init_cond_frames_for_eval = 1


def _replay(case):
    """The draws of `SAM2Train` that lead to a case: no clicks, then the later given frames."""
    later = np.array(case.conditioning_frames[1:])
    return SimpleNamespace(random=lambda: 0.5, choice=lambda *_, **__: later)


def _prepare(model, case):
    model.multimask_output_for_tracking = True  # as the official sizes, unlike nano
    fill_weights(model)
    with torch.no_grad():
        model.sam_mask_decoder.pred_obj_score_head.layers[-1].bias.fill_(case.presence_bias)
    for layer in model.memory_attention.layers:
        for name in ("dropout1", "dropout2", "dropout3", "dropout"):
            getattr(layer, name).p = case.dropout
        layer.self_attn.dropout_p = layer.cross_attn_image.dropout_p = case.dropout


@torch.no_grad()
def fill_weights(model):
    """Weights and buffers drawn by name from NumPy's frozen generator, alike on every machine."""
    for name, parameter in model.state_dict().items():
        draw = np.random.RandomState(zlib.crc32(name.encode())).standard_normal
        values = torch.from_numpy(draw(tuple(parameter.shape))).float()
        if parameter.ndim > 1:
            values /= (parameter.numel() / len(parameter)) ** 0.5
        else:
            values = 0.1 * values + (0.0 if name.endswith("bias") else 1.0)
        parameter.copy_(values)


def make_batch(num_frames, counts=(2, 3), *, size=128):
    """Noise with darker moving boxes; object 3 of clip 2 is gone from the third frame on."""
    draw = np.random.RandomState(0).randint
    clips, step = len(counts), size // 16
    frames = torch.from_numpy(draw(0, 256, (clips, num_frames, 3, size, size), dtype=np.uint8))
    masks = torch.zeros(clips, num_frames, max(counts), size, size, dtype=torch.bool)
    for clip, count in enumerate(counts):
        for slot in range(count):
            for t in range(num_frames):
                if (clip, slot) == (1, 2) and t >= 2:
                    continue
                top, left = (1 + 3 * slot) * step + t * step // 2, (2 + 3 * clip + slot + t) * step
                box = (slice(top, top + 4 * step), slice(left, left + 3 * step))
                masks[(clip, t, slot, *box)] = True
                frames[(clip, t, slice(None), *box)] //= slot + 2
    return VideoBatch(
        frames=frames,
        masks=masks,
        num_objects=list(counts),
        object_ids=[list(range(1, n + 1)) for n in counts],
        video_ids=[f"clip{i}" for i in range(clips)],
        frame_idx=torch.arange(num_frames).expand(clips, num_frames),
    )


class Replay:
    """Clicks the pixels that upstream clicked, and takes as many numbers from torch's generator."""

    def __init__(self):
        self.clicked = []

    def record(self, sample):
        """Upstream's `get_next_point`, noting the pixels."""

        def recorded(gt_masks, pred_masks, method):
            points, labels = sample(gt_masks, pred_masks, method)
            self.clicked.append((points[:, 0, 0] + gt_masks.shape[-1] * points[:, 0, 1]).long())
            return points, labels

        return recorded

    def __call__(self, allowed):
        """Our `PixelChoice`: the next pixels, which must be among those we would click."""
        torch.rand(len(allowed), 1, *allowed.shape[-2:], 2)
        pixels = self.clicked.pop(0)
        assert allowed.flatten(1).gather(1, pixels[:, None]).all()
        return pixels


def run_reference(case, replay=None):
    """Upstream's loss parts and gradients of a case: `({name: scalar}, {parameter: tensor})`.

    Args:
        case: What to run.
        replay: Gets the clicks.
    """
    import training.model.sam2

    trainer, batch = build_trainer(case), make_batch(case.num_frames, size=case.image_size)
    sample = training.model.sam2.get_next_point
    if replay is not None:
        training.model.sam2.get_next_point = replay.record(sample)
    try:
        parts = reference_step(trainer, batch)
    finally:
        training.model.sam2.get_next_point = sample
    return parts, {n: p.grad for n, p in trainer.named_parameters()}


def reference_step(trainer, batch):
    """Run upstream's forward, loss and backward; the loss parts under our names."""
    from training.loss_fns import MultiStepMultiMasksAndIous

    clip, frames = torch.tensor(batch.object_to_clip), batch.num_frames
    datapoint = SimpleNamespace(
        flat_img_batch=normalize_images(batch.frames.flatten(0, 1)),
        masks=batch.object_masks(),
        num_frames=frames,
        flat_obj_to_img_idx=[clip * frames + t for t in range(frames)],
    )
    loss = MultiStepMultiMasksAndIous(
        {"loss_mask": 20, "loss_dice": 1, "loss_iou": 1, "loss_class": 1},
        supervise_all_iou=True,
        iou_use_l1_loss=True,
        pred_obj_scores=True,
        focal_gamma_obj_score=0.0,
        focal_alpha_obj_score=-1.0,
    )
    torch.manual_seed(SEED)
    parts = loss(trainer(datapoint), datapoint.masks)
    parts["core_loss"].backward()
    return {ours: parts[theirs].detach() for theirs, ours in _PART_NAMES.items()}
