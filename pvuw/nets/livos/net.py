"""LiVOS as a `VideoSegmenter`."""

from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from pvuw.nets.checkpoint import load_official
from pvuw.nets.cutie.network import ObjectMemoryNet, Widths
from pvuw.nets.livos.clip_forward import forward_clip
from pvuw.nets.livos.decoder import LiVOSDecoder
from pvuw.nets.livos.matching import GateProjector, KeyProjector
from pvuw.nets.livos.session import LiVOSSession
from pvuw.nets.livos.weights import published_name
from pvuw.nets.matching.framing import SizePolicy
from pvuw.nets.matching.trunk import ImageTrunk
from pvuw.types import AuxiliaryClip, VideoBatch

_PUBLISHED = Widths()
_SHORTER_SIDE = {"mose": 480, "mose_plus": 720}


class LiVOS(ObjectMemoryNet):
    """LiVOS (Liu et al. 2025, https://arxiv.org/abs/2411.02818): memory of constant size.

    Objects compete for pixels and may be prompted by masks on any frame. `start` needs no number of
    frames. The training forward is given the true masks of each clip's first frame.

    Args:
        weights: Official file or training checkpoint to start from; default: random weights. Every
            key must fit.
        preset: How videos are run as published: `mose` (480 pixels) or `mose_plus` (720).
        frame_size: At which size frames enter, instead of the preset's.
        widths: Sizes of the layers, for tests; weights fit the published ones only.
        freeze_norms: Keep the batch norms' statistics in training, as is usual for fine-tuning on
            small batches; the authors trained them along.
    """

    clip_output = AuxiliaryClip
    uses_every_weight = True

    def __init__(
        self,
        *,
        weights: Path | None = None,
        preset: Literal["mose", "mose_plus"] = "mose",
        frame_size: SizePolicy | None = None,
        widths: Widths = _PUBLISHED,
        freeze_norms: bool = True,
    ) -> None:
        finest = 4 * widths.trunk
        feature_dim = 4 * finest
        super().__init__(
            ImageTrunk(widths.trunk, first_stage="layer1"),
            LiVOSDecoder(widths, (2 * finest, finest)),
            widths=widths,
            feature_dim=feature_dim,
            freeze_norms=freeze_norms,
        )
        self.key_projector = KeyProjector(feature_dim, widths.dim, widths.key_dim)
        self.gate_projector = GateProjector(feature_dim, widths.dim)
        self.to(memory_format=torch.channels_last)  # convolutions are a tenth faster so
        published = SizePolicy(shorter_side=_SHORTER_SIDE[preset])
        self.frame_size = published if frame_size is None else frame_size
        if weights is not None:
            load_official(weights, self)

    def start(self, num_frames: int | None = None, *, scale: float = 1.0) -> LiVOSSession:
        """Begin a video; see `VideoSegmenter.start`."""
        del num_frames
        return LiVOSSession(
            self,
            self.key_projector,
            self.gate_projector,
            frame_size=self.frame_size,
            scale=scale,
        )

    def forward_clip(self, batch: VideoBatch, *, features: bool = False) -> AuxiliaryClip:
        """Run the training forward; see `pvuw.nets.livos.clip_forward.forward_clip`."""
        del features  # no loss of this network's compares any
        return forward_clip(self, self.key_projector, self.gate_projector, batch)

    def official_state_dict(self) -> dict[str, Tensor]:
        """Weights under the names of the published checkpoints."""
        return {published_name(name): weight for name, weight in self.state_dict().items()}
