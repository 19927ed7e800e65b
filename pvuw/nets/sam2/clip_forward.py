"""SAM 2's training forward: clips with memory, prompted by masks, every frame decoded.

Gives the values and gradients of the reference (`training.model.sam2.SAM2Train` in the `sam2`
package, tests/pvuw/nets/sam2/test_training_parity.py) while leaving out what it computes in vain:

- features are cut into frames once. The reference gathers every frame's features from those of all
  frames, whose backward writes a zero tensor of all frames for each frame;
- position encodings are gathered for the one level that is read, not for all three;
- the frame that comes last is not encoded into memory.

`SAM2Base` has no public way to get all candidate masks of a frame, so this file calls its private
methods. The `sam2` package is pinned for that reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from sam2.modeling.sam2_base import SAM2Base
from sam2.modeling.sam2_utils import select_closest_cond_frames
from torch import Tensor

from pvuw.types import ClipOutput, StepOutput, VideoBatch

IMAGE_MEAN = (0.485, 0.456, 0.406)
"""Mean of the red, green and blue of ImageNet, which SAM 2's encoder was trained with."""
IMAGE_STD = (0.229, 0.224, 0.225)
"""Standard deviation of the same."""


def forward_clip(
    model: SAM2Base,
    batch: VideoBatch,
    *,
    conditioning_frames: Sequence[int] = (0,),
    features: bool = False,
) -> ClipOutput:
    """Decode every frame of a batch of clips, each from the memory of those before it.

    The objects of all clips run as one batch of `O`. Conditioning frames come first and take their
    true masks as prompts; the others follow in time order. So a frame may read a conditioning frame
    that lies in its future, as in the reference. Every frame is encoded into memory from its
    full-resolution mask, and gradients flow back through all of them.

    Args:
        model: The network; in training mode, unless evaluation's memory rules are wanted.
        batch: Clips of at least two frames at the network's own image size. `frames` may be uint8,
            or float in 0..1 where augmentation on the device has come first.
        conditioning_frames: Frames whose true masks are given, in the order they are processed.
        features: Fill `query_features`, `memory_features` and `memory_frames` of the result too.
            They hold on to three maps per object and frame. Frames whose object pointers alone are
            read are not memory frames: a pointer has no place.

    Returns:
        One decoding per frame: three candidate masks, or on conditioning frames the prompt itself
        as logits of -10 and 10, from which no gradient comes.

    Raises:
        ValueError: If the batch has no object, frames of another size than the network's, or no
            frame that is not given.
    """
    _check(model, batch, conditioning_frames)
    clip = _Clip(model, batch, list(conditioning_frames))
    rest = [t for t in range(batch.num_frames) if t not in clip.conditioning]
    order = [*clip.conditioning, *rest]
    decoded = {t: clip.step(t, last=t == order[-1]) for t in order}
    frames = [decoded[t] for t in range(batch.num_frames)]
    output = ClipOutput(steps=[[frame.output] for frame in frames])
    if features:
        output.query_features = torch.stack([frame.query_features for frame in frames])
        output.memory_features = torch.stack([frame.image_features for frame in frames])
        output.memory_frames = [frame.memory_frames for frame in frames]
    return output


def normalize_images(images: Tensor) -> Tensor:
    """Images as SAM 2's encoder takes them: zero mean and unit deviation over ImageNet.

    Args:
        images: uint8, or float in 0..1, `[..., 3, H, W]` RGB.

    Returns:
        Float32 of the same shape.

    Example:
        >>> normalize_images(torch.full((3, 1, 1), 255, dtype=torch.uint8)).flatten()
        tensor([2.2489, 2.4286, 2.6400])
    """
    if images.dtype == torch.uint8:
        images = images.float() / 255
    mean = torch.tensor(IMAGE_MEAN, device=images.device)[:, None, None]
    std = torch.tensor(IMAGE_STD, device=images.device)[:, None, None]
    return (images.float() - mean) / std


@dataclass
class _DecodedFrame:
    output: StepOutput
    query_features: Tensor  # [O, C, h, w]
    image_features: Tensor  # [O, C, h, w]
    memory_frames: list[int]


@dataclass
class _FrameFeatures:
    """Encoder maps of one frame for the `O` objects, flattened as SAM2Base takes them."""

    maps: list[Tensor]  # [hw, O, C] per level, finest first
    position: Tensor  # [hw, O, C] of the coarsest level
    sizes_hw: list[tuple[int, int]]

    @property
    def coarsest(self) -> Tensor:
        """The level that memory works on, `[O, C, h, w]`."""
        coarsest = self.maps[-1].permute(1, 2, 0)
        return coarsest.view(*coarsest.shape[:2], *self.sizes_hw[-1])


@dataclass
class _Clip:
    """One pass over a batch of clips: encoder features, prompts and the memory so far."""

    model: SAM2Base
    batch: VideoBatch
    conditioning: list[int]
    # SAM2Base reads memory from these two dicts of dicts, by frame.
    memory: dict[str, dict[int, dict[str, Any]]] = field(
        default_factory=lambda: {"cond_frame_outputs": {}, "non_cond_frame_outputs": {}}
    )

    def __post_init__(self) -> None:
        """Encode all frames of all clips at once."""
        batch = self.batch
        self.masks = batch.object_masks()
        self.object_to_clip = torch.tensor(batch.object_to_clip, device=batch.frames.device)
        encoded = self.model.forward_image(normalize_images(batch.frames.flatten(0, 1)))
        _, maps, positions, self.sizes_hw = self.model._prepare_backbone_features(encoded)
        self.maps = [self._by_frame(level) for level in maps]
        self.positions = self._by_frame(positions[-1])

    def _by_frame(self, level: Tensor) -> tuple[Tensor, ...]:
        """Cut `[hw, B * T, C]` into `T` maps `[hw, B, C]`."""
        cells, _, channels = level.shape
        return level.view(cells, -1, self.batch.num_frames, channels).unbind(2)

    def _features(self, t: int) -> _FrameFeatures:
        maps = [level[t][:, self.object_to_clip] for level in self.maps]
        return _FrameFeatures(maps, self.positions[t][:, self.object_to_clip], self.sizes_hw)

    def step(self, t: int, *, last: bool) -> _DecodedFrame:
        """Decode frame `t` for all objects and, unless it is the last, remember it."""
        given = t in self.conditioning
        features = self._features(t)
        memory_frames = [] if given else self._memory_frames(t)
        record, heads, _, query_features = self.model._track_step(
            frame_idx=t,
            is_init_cond_frame=given,
            current_vision_feats=features.maps,
            current_vision_pos_embeds=[features.position],
            feat_sizes=features.sizes_hw,
            point_inputs=None,
            mask_inputs=self.masks[t][:, None] if given else None,
            output_dict=self.memory,
            num_frames=self.batch.num_frames,
            track_in_reverse=False,
            prev_sam_mask_logits=None,
        )
        _, candidates, predicted_iou, _, mask_logits, pointer, presence_logits = heads
        if not last:
            record["obj_ptr"] = pointer
            self.model._encode_memory_in_output(
                features.maps,
                features.sizes_hw,
                point_inputs=None,
                run_mem_encoder=True,
                high_res_masks=mask_logits,
                object_score_logits=presence_logits,
                current_out=record,
            )
            self.memory["cond_frame_outputs" if given else "non_cond_frame_outputs"][t] = record
        return _DecodedFrame(
            StepOutput(candidates, predicted_iou, presence_logits),
            query_features,
            features.coarsest,
            memory_frames,
        )

    def _memory_frames(self, t: int) -> list[int]:
        """Frames whose maps SAM2Base reads for frame `t`: given ones, and the latest others."""
        given, others = self.memory["cond_frame_outputs"], self.memory["non_cond_frame_outputs"]
        nearest, _ = select_closest_cond_frames(t, given, self.model.max_cond_frames_in_attn)
        recent = range(t - self.model.num_maskmem + 1, t)
        return [*nearest, *(u for u in recent if u not in nearest and (u in given or u in others))]


def _check(model: SAM2Base, batch: VideoBatch, conditioning_frames: Sequence[int]) -> None:
    size_hw, side = tuple(batch.frames.shape[-2:]), model.image_size
    if size_hw != (side, side):
        raise ValueError(
            f"the network takes frames of {side}x{side} pixels, got {size_hw[0]}x{size_hw[1]}: "
            f"set the clip size or the network's image_size"
        )
    if not batch.object_to_clip:
        raise ValueError(f"no object in any clip of the batch ({', '.join(batch.video_ids)})")
    given = set(conditioning_frames)
    if not given or not given < set(range(batch.num_frames)):
        raise ValueError(
            f"conditioning frames {sorted(given)} of {batch.num_frames}: give at least one and "
            "leave at least one to predict"
        )
