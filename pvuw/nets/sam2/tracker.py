"""What networks around a `SAM2Base` share: training forward, parts, learning rates by depth."""

import numpy as np
from sam2.modeling.sam2_base import SAM2Base

from pvuw.errors import PvuwError
from pvuw.nets.base import ParameterLayer, TrainableSegmenter
from pvuw.nets.sam2.clip_forward import (
    FIRST_MASKS,
    ForwardConfig,
    ImageEncoding,
    encode_images,
    forward_clip,
)
from pvuw.nets.sam2.memory_policy import MemoryPolicy
from pvuw.nets.sam2.prompt_plan import PromptPlan, TrainingPrompts, draw_plan
from pvuw.nets.sam2.recompute import WORTHWHILE_PARTS, RecomputedPart
from pvuw.types import CandidateClip, VideoBatch

_PARTS: dict[str, tuple[str, ...]] = {
    "image_encoder": ("image_encoder",),
    "prompt_encoder": ("sam_prompt_encoder",),
    "mask_decoder": ("sam_mask_decoder",),
    "memory_attention": ("memory_attention",),
    "memory_encoder": ("memory_encoder",),
    "memory": (
        "memory_attention",
        "memory_encoder",
        "mask_downsample",
        "obj_ptr_proj",
        "obj_ptr_tpos_proj",
        "maskmem_tpos_enc",
        "no_mem_embed",
        "no_mem_pos_enc",
        "no_obj_ptr",
        "no_obj_embed_spatial",
    ),
}
"""What recipes may freeze, adapt or compile, by SAM 2's own names."""


class MemoryTracker(TrainableSegmenter):
    """A network whose every part but the image encoder is SAM 2's.

    Args:
        model: The network itself.
        prompting: Prompts of the training forward; default: the true masks of the first frame.
        keep_mask_gradient: In training, judge the masks of a visible object that the network calls
            absent as they are.
        checkpoint_activations: In training, compute activations a second time in backward.
    """

    clip_output = CandidateClip
    encode_images: ImageEncoding = staticmethod(encode_images)
    """How training encodes frames; sessions have encoders of their own."""

    def __init__(
        self,
        model: SAM2Base,
        *,
        prompting: TrainingPrompts | None,
        keep_mask_gradient: bool,
        checkpoint_activations: bool | list[RecomputedPart],
    ) -> None:
        super().__init__()
        self.model = model
        self.prompting = prompting
        self.keep_mask_gradient = keep_mask_gradient
        chosen = checkpoint_activations
        if isinstance(chosen, bool):
            chosen = list(WORTHWHILE_PARTS) if chosen else []
        self.recompute = tuple(chosen)

    def network_size(self, size_hw: tuple[int, int]) -> tuple[int, int]:
        """The square of `image_size`."""
        return self.model.image_size, self.model.image_size

    def forward_clip(self, batch: VideoBatch, *, features: bool = False) -> CandidateClip:
        """Run the training forward; see `pvuw.nets.sam2.clip_forward.forward_clip`.

        Raises:
            ValueError: If `prompting` has to be drawn and the batch has no `step_seed`.
        """
        config = ForwardConfig(
            self._plan(batch),
            keep_mask_gradient=self.keep_mask_gradient,
            recompute=self.recompute,
            encode=self.encode_images,
        )
        return forward_clip(self.model, batch, config=config, features=features)

    def _plan(self, batch: VideoBatch) -> PromptPlan:
        if self.prompting is None:
            return FIRST_MASKS
        if batch.step_seed is None:
            raise ValueError("drawing prompts needs the batch's step_seed, which training sets")
        draw = np.random.default_rng(batch.step_seed)
        return draw_plan(self.prompting, batch.num_frames, draw)

    def parts(self) -> dict[str, tuple[str, ...]]:
        """Parts by the names of the paper; `memory` is all that concerns other frames."""
        return {part: tuple(f"model.{name}" for name in names) for part, names in _PARTS.items()}

    def shard_units(self) -> tuple[str, ...]:
        """Blocks of the trunk and layers of memory attention: 97 % of large."""
        blocks = len(self.model.image_encoder.trunk.blocks)
        layers = len(self.model.memory_attention.layers)
        return (
            *(f"model.image_encoder.trunk.blocks.{i}" for i in range(blocks)),
            *(f"model.memory_attention.layers.{i}" for i in range(layers)),
        )

    def layer_of(self, parameter: str) -> ParameterLayer:
        """The trunk's blocks one by one; its position embedding counts as lying at the output."""
        name = parameter.removeprefix("model.")
        if not name.startswith("image_encoder."):
            return ParameterLayer("rest")
        if not name.startswith("image_encoder.trunk."):
            return ParameterLayer("image_encoder.neck", in_image_encoder=True)
        place = name.split(".")[2:]
        blocks = len(self.model.image_encoder.trunk.blocks)
        if place[0].startswith("pos_embed"):
            return ParameterLayer("image_encoder.pos_embed", in_image_encoder=True)
        if place[0] == "blocks":
            layer, depth = f"image_encoder.block{int(place[1]):02d}", blocks - int(place[1])
            return ParameterLayer(layer, in_image_encoder=True, depth=depth)
        return ParameterLayer("image_encoder.patch_embed", in_image_encoder=True, depth=blocks + 1)


def check_candidates(model: SAM2Base, size: str, policy: MemoryPolicy | None) -> None:
    """Refuse a policy that would compare candidate masks with a network that offers one.

    Raises:
        PvuwError: If it does.
    """
    if policy and policy.needs_candidates and not model._use_multimask(False, None):
        raise PvuwError(
            f"{size}: memory_policy {type(policy).__name__} compares candidate masks, and this "
            "network tracks with one; set max_frames: 0 for its sparse recent memory alone"
        )
