"""SAM 3's tracker as a `VideoSegmenter`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor

from pvuw.nets.checkpoint import load_official
from pvuw.nets.sam2.features import resize_frame
from pvuw.nets.sam2.memory_policy import MemoryPolicy
from pvuw.nets.sam2.prompt_plan import TrainingPrompts
from pvuw.nets.sam2.recompute import RecomputedPart
from pvuw.nets.sam2.resized import at_scale, side_at
from pvuw.nets.sam2.scratch import prepare_scratch
from pvuw.nets.sam2.tracker import MemoryTracker, check_candidates
from pvuw.nets.sam3.build import build_tracker
from pvuw.nets.sam3.competition import Competition
from pvuw.nets.sam3.config import TrackerConfig
from pvuw.nets.sam3.images import normalize
from pvuw.nets.sam3.keys import is_release, release_name, tracker_weights
from pvuw.nets.sam3.long_memory import LongMemory
from pvuw.nets.sam3.port import from_port, is_port
from pvuw.nets.sam3.selection import MemorySelection
from pvuw.nets.sam3.session import Sam3Session

PER_OBJECT = MemorySelection()
"""Memory selection where a recipe says nothing else."""


def encode_images(model: SAM2Base, images: Tensor) -> dict[str, Any]:
    """SAM 3's features of frames, uint8 or float in 0..1 `[K, 3, S, S]`.

    Each frame is encoded once, however many objects and clicks it has. A frozen encoder leaves no
    trace for backward; the two convolutions after it are the mask decoder's and may still learn.
    """
    encoder = model.image_encoder
    learns = any(parameter.requires_grad for parameter in encoder.parameters())
    with torch.set_grad_enabled(learns and torch.is_grad_enabled()):
        encoded: dict[str, Any] = encoder(normalize(images))
    fine, finer, coarse = encoded["backbone_fpn"]
    decoder = model.sam_mask_decoder
    return encoded | {"backbone_fpn": [decoder.conv_s0(fine), decoder.conv_s1(finer), coarse]}


class Sam3(MemoryTracker):
    """SAM 3's tracker (Carion et al. 2025): SAM 2's memory behind another image encoder.

    Paper: https://arxiv.org/abs/2511.16719.

    Objects are prompted by masks, on any frame; text is not for this network. `start` should be
    told the number of frames if there may be fewer than 16. The training forward is prompted as
    `prompting` says.

    Args:
        size: `nano` (made for training from scratch on small images; no official weights),
            `official` (466 M parameters), or the numbers themselves, in Python.
        image_size: Side of the square frames are resized to, in pixels, a multiple of 14. Windows
            are whole at multiples of 336 (nano: 56). Smaller is faster and sees less detail;
            weights fit any. Default: 112 for nano, 1008 for official.
        weights: The release's `sam3.pt`, a folder of `transformers`, an exported file or a training
            checkpoint to start from; default: random weights prepared for training from scratch.
            Every key of the tracker must fit; what text and detection need is left out.
        objects_per_batch: Most objects that inference runs in one batch; see `Sam2`.
        selection: Which unprompted frames prediction remembers: by default those an object was
            found on with confidence, `scope: video` judges all objects together as upstream does,
            null remembers the last ones. Training always remembers the last ones.
        memory_policy: `PromoteReliable` or `DistractorAware` (docs/prediction.md), besides
            selection; default: none, as upstream.
        non_overlap_memory: In prediction, memory takes each pixel as part of its strongest object
            only.
        long_memory: Read a second memory of frames far apart too; an empty mapping is its defaults
            (docs/sam3.md); default: no. Prediction only.
        competition: Let objects compete for what they read from memory; an empty mapping is its
            defaults (docs/sam3.md); default: no. Prediction only.
        memory_mask_scale: Masks enter memory as `sigmoid(logits) * scale + bias`; see `Sam2`.
        memory_mask_bias: See `memory_mask_scale`.
        prompting: Prompts of the training forward; an empty mapping is SAM 2's own MOSE recipe;
            default: the true masks of each clip's first frame.
        keep_mask_gradient: In training, judge the masks of a visible object that the network calls
            absent as they are (docs/losses.md).
        checkpoint_activations: In training, compute activations a second time in backward instead
            of keeping them; see `Sam2`.
    """

    encode_images = staticmethod(encode_images)

    def __init__(
        self,
        size: str | TrackerConfig = "nano",
        *,
        image_size: int | None = None,
        weights: Path | None = None,
        objects_per_batch: int = 16,
        selection: MemorySelection | None = PER_OBJECT,
        memory_policy: MemoryPolicy | None = None,
        non_overlap_memory: bool = False,
        long_memory: LongMemory | None = None,
        competition: Competition | None = None,
        memory_mask_scale: float = 20.0,
        memory_mask_bias: float = -10.0,
        prompting: TrainingPrompts | None = None,
        keep_mask_gradient: bool = False,
        checkpoint_activations: bool | list[RecomputedPart] = False,
    ) -> None:
        super().__init__(
            build_tracker(
                size,
                image_size=image_size,
                sigmoid_scale_for_mem_enc=memory_mask_scale,
                sigmoid_bias_for_mem_enc=memory_mask_bias,
            ),
            prompting=prompting,
            keep_mask_gradient=keep_mask_gradient,
            checkpoint_activations=checkpoint_activations,
        )
        self.objects_per_batch = objects_per_batch
        self.selection = selection
        self.memory_policy = memory_policy
        self.non_overlap_memory = non_overlap_memory
        self.long_memory = long_memory
        self.competition = competition
        check_candidates(self.model, str(size), memory_policy)
        if weights is None:
            prepare_scratch(self.model)
        else:
            load_official(weights, self)

    def start(self, num_frames: int | None = None, *, scale: float = 1.0) -> Sam3Session:
        """Begin a video; tell its length where it may be below 16 frames.

        With a scale, frames are resized to `image_size * scale`, rounded to a multiple of 14.

        Raises:
            RuntimeError: In training mode, where dropout would make the masks random.
        """
        return self.start_views(num_frames, scale=scale, count=1)

    def start_views(
        self, num_frames: int | None = None, *, scale: float = 1.0, count: int
    ) -> Sam3Session:
        """Begin a video in several views that share batches; see `start`."""
        if self.training:
            raise RuntimeError("the network is in training mode; call .eval() before start()")
        return Sam3Session(
            at_scale(self.model, scale, multiple=self.model.backbone_stride),
            num_frames,
            views=count,
            batch_size=self.objects_per_batch,
            selection=self.selection,
            memory_policy=self.memory_policy,
            non_overlap_memory=self.non_overlap_memory,
            long_memory=self.long_memory,
            competition=self.competition,
        )

    def picture(self, frame: Tensor, *, scale: float = 1.0) -> Tensor:
        """The frame as a square; see `VideoSegmenter.picture`."""
        return resize_frame(frame, side_at(self.model, scale, multiple=self.model.backbone_stride))

    def parts(self) -> dict[str, tuple[str, ...]]:
        """SAM 2's parts, and the attention of the image encoder's blocks by itself."""
        blocks = range(len(self.model.image_encoder.trunk.blocks))
        attention = tuple(f"model.image_encoder.trunk.blocks.{i}.attn" for i in blocks)
        return super().parts() | {"image_encoder_attention": attention}

    def official_part(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The tracker's weights of the release's file or of a folder of `transformers`."""
        if is_port(weights):
            return {release_name(name): w for name, w in from_port(weights).items()}
        return tracker_weights(weights) if is_release(weights) else dict(weights)

    def official_state_dict(self) -> dict[str, Tensor]:
        """Weights under the release's names, without its tables and the detector's weights."""
        return {release_name(name): w for name, w in self.model.state_dict().items()}
