"""SAM 2's training forward: clips with memory, prompted and corrected, every frame decoded.

Gives the values and gradients of the reference (`training.model.sam2.SAM2Train` in the `sam2`
package, tests/pvuw/nets/sam2/test_training_parity.py) while leaving out what it computes in vain:

- features are cut into frames once. The reference gathers every frame's features from those of all
  frames, whose backward writes a zero tensor of all frames for each frame;
- position encodings are gathered for the one level that is read, not for all three, and memory's
  are made once;
- the frame that comes last is not encoded into memory;
- a click takes one random number per object, not two per pixel, and only the decoding that enters
  memory gets an object pointer.

`SAM2Base` has no public way to get all candidate masks of a frame, so this file calls its private
methods. The `sam2` package is pinned for that reason.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from sam2.modeling.sam2_base import SAM2Base
from sam2.modeling.sam2_utils import select_closest_cond_frames
from torch import Tensor

from pvuw.nets.sam2.clicks import PixelChoice, Points, click, noisy_box, uniform_pixels
from pvuw.nets.sam2.prompt_plan import FirstPrompt, PromptPlan
from pvuw.nets.sam2.recompute import RecomputedPart, recompute_activations
from pvuw.nets.sam2.training_heads import Decoded, TrainingHeads
from pvuw.ops.images import normalize_images
from pvuw.types import CandidateClip, ClipFeatures, Decoding, VideoBatch

FIRST_MASKS = PromptPlan.of_masks([0])
"""Prompts of semi-supervised segmentation: the true masks of the first frame."""


ImageEncoding = Callable[[SAM2Base, Tensor], dict[str, Any]]
"""Turns frames, uint8 or float in 0..1 `[K, 3, S, S]`, into what `forward_image` returns."""


def encode_images(model: SAM2Base, images: Tensor) -> dict[str, Any]:
    """SAM 2's features of frames; see `ImageEncoding`."""
    encoded: dict[str, Any] = model.forward_image(normalize_images(images))
    return encoded


@dataclass(frozen=True)
class ForwardConfig:
    """How a training forward is run; none of it changes what is run in inference."""

    plan: PromptPlan = FIRST_MASKS
    """Which frames are prompted, with what, and which are corrected."""
    choose: PixelChoice = uniform_pixels
    """Picks the pixel that is clicked among those that may be."""
    keep_mask_gradient: bool = False
    """Judge the masks of a visible object that the network calls absent as they are, not as a
    constant."""
    recompute: tuple[RecomputedPart, ...] = ()
    """Parts that keep no activations and compute them again during backward."""
    encode: ImageEncoding = encode_images
    """How frames are encoded, all of a batch at once."""


_DEFAULT = ForwardConfig()


def forward_clip(
    model: SAM2Base,
    batch: VideoBatch,
    *,
    config: ForwardConfig = _DEFAULT,
    features: bool = False,
) -> CandidateClip:
    """Decode every frame of a batch of clips, each from the memory of those before it.

    The objects of all clips run as one batch of `O`. Prompted frames come first, the others follow
    in time order. So a frame may read a prompted frame that lies in its future, as in the
    reference. A frame to be corrected is decoded again after each click. Every frame is encoded
    into memory from its last full-resolution mask, never from the true one unless that was given,
    and gradients flow back through all of them.

    Args:
        model: The network; in training mode, unless evaluation's memory rules are wanted.
        batch: Clips at the network's own image size. `frames` may be uint8, or float in 0..1 where
            augmentation on the device has come first.
        config: Prompts and how to run.
        features: Fill the features of the result too.
            They hold on to three maps per object and frame. Frames whose object pointers alone are
            read are not memory frames: a pointer has no place.

    Returns:
        One decoding per frame, and one more per correction. Tracked frames and first clicks have
        three candidate masks, boxes and corrections one. Where masks are given, the decoding is the
        prompt itself as logits of -10 and 10, from which no gradient comes.

    Raises:
        ValueError: If the batch has no object, frames of another size than the network's, or no
            frame whose masks are not given.
    """
    _check(model, batch, config.plan)
    with recompute_activations(model, config.recompute):
        clip = _Clip(model, batch, config)
        order = config.plan.order(batch.num_frames)
        decoded = {t: clip.step(t, last=t == order[-1]) for t in order}
    frames = [decoded[t] for t in range(batch.num_frames)]
    output = CandidateClip([frame.decodings for frame in frames])
    if features:
        output.features = ClipFeatures(
            query=torch.stack([frame.query_features for frame in frames]),
            memory=torch.stack([frame.image_features for frame in frames]),
            memory_frames=[frame.memory_frames for frame in frames],
        )
    return output


@dataclass
class _DecodedFrame:
    decodings: list[Decoding]
    query_features: Tensor  # [O, C, h, w]
    image_features: Tensor  # [O, C, h, w]
    memory_frames: list[int]


@dataclass
class _FrameFeatures:
    """Encoder maps of one frame for the `O` objects, flattened as SAM2Base takes them."""

    maps: list[Tensor]  # [hw, O, C] per level, finest first
    position: Tensor  # [hw, O, C] of the coarsest level
    sizes_hw: list[tuple[int, int]]

    def level(self, index: int) -> Tensor:
        """A map as an image, `[O, C, h, w]`."""
        flat = self.maps[index].permute(1, 2, 0)
        return flat.view(*flat.shape[:2], *self.sizes_hw[index])

    @property
    def fine(self) -> list[Tensor] | None:
        """The finer levels, which the mask decoder adds; None where it takes none."""
        return [self.level(i) for i in range(len(self.maps) - 1)] or None


@dataclass
class _Clip:
    """One pass over a batch of clips: encoder features, prompts and the memory so far."""

    model: SAM2Base
    batch: VideoBatch
    config: ForwardConfig
    # SAM2Base reads memory from these two dicts of dicts, by frame.
    memory: dict[str, dict[int, dict[str, Any]]] = field(
        default_factory=lambda: {"cond_frame_outputs": {}, "non_cond_frame_outputs": {}}
    )

    def __post_init__(self) -> None:
        """Encode all frames of all clips at once and draw the first prompts."""
        batch = self.batch
        self.masks = batch.object_masks()
        self.void = None if batch.void is None else batch.void[batch.object_to_clip]  # [O, T, H, W]
        self.object_to_clip = torch.tensor(batch.object_to_clip, device=batch.frames.device)
        encoded = self.config.encode(self.model, batch.frames.flatten(0, 1))
        _, maps, positions, self.sizes_hw = self.model._prepare_backbone_features(encoded)
        self.maps = [self._by_frame(level) for level in maps]
        self.positions = self._by_frame(positions[-1])
        self.heads = TrainingHeads(self.model, keep_mask_gradient=self.config.keep_mask_gradient)
        # All of them before anything is decoded: dropout and clicks share torch's generator.
        self.first_points = {
            t: self._first_points(kind, self._without_void(self.masks[t], t))
            for t, kind in self.config.plan.first.items()
            if kind is not FirstPrompt.MASK
        }

    def _first_points(self, kind: FirstPrompt, truth: Tensor) -> Points:
        if kind is FirstPrompt.BOX:
            return noisy_box(truth)
        return click(truth, choose=self.config.choose)

    def _without_void(self, masks: Tensor, t: int) -> Tensor:
        """Masks of frame `t`, bool `[O, H, W]`, False where there is no truth to compare with."""
        return masks if self.void is None else masks & ~self.void[:, t]

    def _by_frame(self, level: Tensor) -> tuple[Tensor, ...]:
        """Cut `[hw, B * T, C]` into `T` maps `[hw, B, C]`."""
        cells, _, channels = level.shape
        return level.view(cells, -1, self.batch.num_frames, channels).unbind(2)

    def _features(self, t: int) -> _FrameFeatures:
        maps = [level[t][:, self.object_to_clip] for level in self.maps]
        return _FrameFeatures(maps, self.positions[t][:, self.object_to_clip], self.sizes_hw)

    def step(self, t: int, *, last: bool) -> _DecodedFrame:
        """Decode frame `t` for all objects and, unless it is the last, remember it."""
        features, plan = self._features(t), self.config.plan
        prompted = t in plan.first
        memory_frames = [] if prompted else self._memory_frames(t)
        if plan.first.get(t) is FirstPrompt.MASK:
            fused = features.level(-1)
            decodings = [self.heads.adopt(fused, features.fine, self.masks[t])]
        else:
            fused = self._fuse(t, features)
            decodings = self._decode(t, fused, features.fine)
        if not last:
            self._remember(t, features, decodings[-1])
        said = [Decoding(d.candidates, d.predicted_iou, d.presence_logits) for d in decodings]
        return _DecodedFrame(said, fused, features.level(-1), memory_frames)

    def _decode(self, t: int, fused: Tensor, fine: list[Tensor] | None) -> list[Decoded]:
        """Find the masks of frame `t`, then correct them click by click."""
        truth, points = self._without_void(self.masks[t], t), self.first_points.get(t)
        prompted = t in self.config.plan.first
        visible = truth.flatten(1).any(1, keepdim=True)
        decodings: list[Decoded] = []
        for anywhere in (None, *self.config.plan.corrections.get(t, ())):
            previous = None
            if anywhere is not None:
                latest = decodings[-1]
                found = None if anywhere else self._without_void(latest.full_logits[:, 0] > 0, t)
                new = click(truth, found, choose=self.config.choose)
                points = new if points is None else points + new
                previous = latest.quarter_logits
            several = self.model._use_multimask(prompted, _labels_only(points))
            decodings.append(
                self.heads.decode(
                    fused, fine, points=points, previous=previous, several=several, visible=visible
                )
            )
        return decodings

    def _fuse(self, t: int, features: _FrameFeatures) -> Tensor:
        """Features of frame `t` after reading memory, `[O, C, h, w]`."""
        fused: Tensor = self.model._prepare_memory_conditioned_features(
            frame_idx=t,
            is_init_cond_frame=t in self.config.plan.first,
            current_vision_feats=features.maps[-1:],
            current_vision_pos_embeds=[features.position],
            feat_sizes=features.sizes_hw[-1:],
            output_dict=self.memory,
            num_frames=self.batch.num_frames,
        )
        return fused

    def _remember(self, t: int, features: _FrameFeatures, final: Decoded) -> None:
        """Encode frame `t` into memory from its last mask."""
        plan = self.config.plan
        clicked = t in self.first_points or t in plan.corrections
        maps, positions = self.model._encode_new_memory(
            current_vision_feats=features.maps,
            feat_sizes=features.sizes_hw,
            pred_masks_high_res=final.full_logits,
            object_score_logits=final.presence_logits,
            is_mask_from_pts=clicked,
        )
        kind = "cond_frame_outputs" if plan.is_conditioning(t) else "non_cond_frame_outputs"
        self.memory[kind][t] = {
            "maskmem_features": maps,
            "maskmem_pos_enc": positions,
            "obj_ptr": self.heads.pointer(final),
        }

    def _memory_frames(self, t: int) -> list[int]:
        """Frames whose maps SAM2Base reads for frame `t`: given ones, and the latest others."""
        given, others = self.memory["cond_frame_outputs"], self.memory["non_cond_frame_outputs"]
        nearest, _ = select_closest_cond_frames(t, given, self.model.max_cond_frames_in_attn)
        recent = range(t - self.model.num_maskmem + 1, t)
        return [*nearest, *(u for u in recent if u not in nearest and (u in given or u in others))]


def _labels_only(points: Points | None) -> dict[str, Tensor] | None:
    """What SAM2Base wants of points to decide on the number of candidates."""
    return None if points is None else {"point_labels": points.labels}


def _check(model: SAM2Base, batch: VideoBatch, plan: PromptPlan) -> None:
    size_hw, side = tuple(batch.frames.shape[-2:]), model.image_size
    if size_hw != (side, side):
        raise ValueError(
            f"the network takes frames of {side}x{side} pixels, got {size_hw[0]}x{size_hw[1]}: "
            f"set the clip size or the network's image_size"
        )
    if not batch.object_to_clip:
        raise ValueError(f"no object in any clip of the batch ({', '.join(batch.video_ids)})")
    frames = set(range(batch.num_frames))
    given = {t for t, kind in plan.first.items() if kind is FirstPrompt.MASK}
    if not plan.first or not frames >= {*plan.first, *plan.corrections} or given == frames:
        raise ValueError(
            f"prompts on frames {sorted(plan.first)} and corrections on "
            f"{sorted(plan.corrections)} of {batch.num_frames}: prompt at least one, and leave at "
            "least one whose masks are not given"
        )
