"""SAM 2 as a `VideoSegmenter`."""

from pathlib import Path

from sam2.modeling.backbones.hieradet import Hiera
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor

from pvuw.errors import PvuwError
from pvuw.nets.checkpoint import load_official
from pvuw.nets.sam2.build import build_sam2_base
from pvuw.nets.sam2.features import resize_frame
from pvuw.nets.sam2.memory_policy import MemoryPolicy
from pvuw.nets.sam2.prompt_plan import TrainingPrompts
from pvuw.nets.sam2.recompute import RecomputedPart
from pvuw.nets.sam2.resized import at_scale, side_at
from pvuw.nets.sam2.scratch import prepare_scratch
from pvuw.nets.sam2.session import Sam2Session
from pvuw.nets.sam2.tracker import MemoryTracker, check_candidates
from pvuw.nets.shipped import SHIPPED, shipped_weights

_EXPECTED_SWITCHES = {
    "use_mask_input_as_output_without_sam": True,
    "non_overlap_masks_for_mem_enc": False,
    "memory_temporal_stride_for_eval": 1,
    "max_cond_frames_in_attn": -1,
}
"""What every official configuration says and the session relies on."""


class Sam2(MemoryTracker):
    """SAM 2 (Ravi et al. 2024, https://arxiv.org/abs/2408.00714): attends to memory of past frames.

    Objects are prompted by masks, on any frame, and segmented independently of each other. `start`
    should be told the number of frames if there may be fewer than 16. The training forward is
    prompted as `prompting` says.

    Args:
        size: `nano` (1.4 M parameters, made for training from scratch on small images; no official
            weights), `tiny` (39 M), `small` (46 M), `base_plus` (81 M), `large` (224 M), or a YAML
            file laid out like those of the `sam2` package.
        image_size: Side of the square frames are resized to, in pixels, a multiple of 32. Smaller
            is faster and sees less detail; weights fit any. Default: 256 for nano, otherwise 1024.
        weights: Official `.pt` file, exported file or training checkpoint to start from; `shipped`:
            those that come with the package (nano only, docs/nano.md); default: random weights
            prepared for training from scratch. Every key must fit.
        version: Release of the official sizes: `2.1`, or `2.0` for the older checkpoints.
        memory_mask_scale: Masks enter memory as `sigmoid(logits) * scale + bias`. 20 and -10 are
            upstream's; the MOSEv2 baseline trains and predicts with 7.5 and -4, which make memory
            softer and uncertain pixels background. Weights do not record it: predict with the
            values of the training run.
        memory_mask_bias: See `memory_mask_scale`.
        objects_per_batch: Most objects that inference runs in one batch, those of other views of
            the same scale included; lower it to save memory.
        memory_policy: Which past frames prediction remembers: `PromoteReliable`, `DistractorAware`
            (docs/prediction.md); default: the prompted and the last ones, as upstream. Training
            always remembers as upstream.
        non_overlap_memory: In prediction, memory takes each pixel as part of its strongest object
            only, so that two objects do not learn to be the same one: upstream's
            `non_overlap_masks_for_mem_enc`, which its configurations leave off.
        prompting: Prompts of the training forward: masks, clicks and boxes, with corrections. An
            empty mapping is SAM 2's own MOSE recipe; default: the true masks of each clip's first
            frame, as the task gives them.
        keep_mask_gradient: In training, judge the masks of a visible object that the network calls
            absent as they are. Upstream replaces them by a constant, which costs a loss of up to
            5120 and gives no gradient (docs/losses.md).
        drop_path_rate: Stochastic depth, in training only: the chance that a frame passes by the
            last block of the image encoder's trunk, less towards the first. 0.1 is what upstream
            fine-tunes every size with; weights do not depend on it.
        checkpoint_activations: In training, compute activations a second time in backward instead
            of keeping them: same gradients, less memory, more time (docs/training.md). True is
            `[image_encoder, memory_attention, memory_encoder]`; a list may name `mask_decoder` too.
    """

    def __init__(
        self,
        size: str = "nano",
        *,
        image_size: int | None = None,
        weights: Path | None = None,
        version: str = "2.1",
        memory_mask_scale: float = 20.0,
        memory_mask_bias: float = -10.0,
        objects_per_batch: int = 16,
        memory_policy: MemoryPolicy | None = None,
        non_overlap_memory: bool = False,
        prompting: TrainingPrompts | None = None,
        keep_mask_gradient: bool = False,
        drop_path_rate: float = 0.0,
        checkpoint_activations: bool | list[RecomputedPart] = False,
    ) -> None:
        model = build_sam2_base(
            size,
            image_size=image_size,
            mask_scale=memory_mask_scale,
            mask_bias=memory_mask_bias,
            version=version,
            drop_path_rate=drop_path_rate,
        )
        super().__init__(
            model,
            prompting=prompting,
            keep_mask_gradient=keep_mask_gradient,
            checkpoint_activations=checkpoint_activations,
        )
        self.objects_per_batch = objects_per_batch
        _check_switches(self.model, size)
        self.memory_policy = memory_policy
        self.non_overlap_memory = non_overlap_memory
        check_candidates(self.model, size, memory_policy)
        if weights is None:
            prepare_scratch(self.model)
        else:
            shipped = str(weights) == SHIPPED
            load_official(shipped_weights(f"sam2_{size}") if shipped else weights, self)

    def start(self, num_frames: int | None = None, *, scale: float = 1.0) -> Sam2Session:
        """Begin a video; tell its length where it may be below 16 frames.

        With a scale, frames are resized to `image_size * scale`, rounded to a multiple of 32.

        Raises:
            RuntimeError: In training mode, where dropout would make the masks random.
        """
        return self.start_views(num_frames, scale=scale, count=1)

    def start_views(
        self, num_frames: int | None = None, *, scale: float = 1.0, count: int
    ) -> Sam2Session:
        """Begin a video in several views that share batches; see `start`."""
        if self.training:
            raise RuntimeError("the network is in training mode; call .eval() before start()")
        return Sam2Session(
            at_scale(self.model, scale),
            num_frames,
            views=count,
            batch_size=self.objects_per_batch,
            memory_policy=self.memory_policy,
            non_overlap_memory=self.non_overlap_memory,
        )

    def picture(self, frame: Tensor, *, scale: float = 1.0) -> Tensor:
        """The frame as a square; see `VideoSegmenter.picture`."""
        return resize_frame(frame, side_at(self.model, scale))

    def official_state_dict(self) -> dict[str, Tensor]:
        """Weights under the names of the official checkpoints, none added, none missing."""
        return dict(self.model.state_dict())


def _check_switches(model: SAM2Base, size: str) -> None:
    """Refuse configurations that inference would not do justice to."""
    for name, expected in _EXPECTED_SWITCHES.items():
        if (found := getattr(model, name)) != expected:
            raise PvuwError(f"{size}: {name} must be {expected} for streaming, got {found}")
    if model.num_maskmem < 2:
        raise PvuwError(f"{size}: num_maskmem must be at least 2, got {model.num_maskmem}")
    if not isinstance(model.image_encoder.trunk, Hiera):
        found = type(model.image_encoder.trunk).__name__
        raise PvuwError(f"{size}: the trunk must be sam2's Hiera, got {found}")
