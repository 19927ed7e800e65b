"""SAM 2 as a `VideoSegmenter`."""

from pathlib import Path

from torch import Tensor

from pvuw.nets.base import VideoSegmenter, VideoSession
from pvuw.nets.sam2.build import build_sam2_base
from pvuw.types import ClipOutput, VideoBatch


class Sam2(VideoSegmenter):
    """SAM 2 or 2.1 (Ravi et al. 2024, https://arxiv.org/abs/2408.00714)."""

    def __init__(
        self,
        size: str = "nano",
        *,
        image_size: int | None = None,
        weights: Path | None = None,
        version: str = "2.1",
        memory_mask_scale: float = 20.0,
        memory_mask_bias: float = -10.0,
    ) -> None:
        super().__init__()
        self.model = build_sam2_base(
            size,
            image_size=image_size,
            mask_scale=memory_mask_scale,
            mask_bias=memory_mask_bias,
            version=version,
        )

    def start(self, num_frames: int | None = None) -> VideoSession:
        """Begin a video."""
        raise NotImplementedError

    def forward_clip(self, batch: VideoBatch) -> ClipOutput:
        """Run the training forward."""
        from pvuw.nets.sam2.clip_forward import forward_clip

        return forward_clip(self.model, batch)

    def official_state_dict(self) -> dict[str, Tensor]:
        """Weights under upstream's names."""
        return self.model.state_dict()
