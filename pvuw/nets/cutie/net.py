"""Cutie as a `VideoSegmenter`."""

from pathlib import Path
from typing import Literal

import torch
from torchvision.models.resnet import BasicBlock, Bottleneck

from pvuw.nets.checkpoint import load_official
from pvuw.nets.cutie.clip_forward import CutieClips, forward_clip
from pvuw.nets.cutie.decoder import CutieDecoder
from pvuw.nets.cutie.keys import KeyProjection
from pvuw.nets.cutie.memory import MemoryConfig
from pvuw.nets.cutie.network import ObjectMemoryNet, Widths
from pvuw.nets.cutie.presets import PRESETS, Preset
from pvuw.nets.cutie.session import CutieSession
from pvuw.nets.matching.framing import SizePolicy
from pvuw.nets.matching.trunk import ImageTrunk
from pvuw.types import AuxiliaryClip, VideoBatch

_PUBLISHED = Widths()
_CLIP = CutieClips()
_TRUNKS = {"base": (Bottleneck, (3, 4, 6)), "small": (BasicBlock, (2, 2, 2))}


class Cutie(ObjectMemoryNet):
    """Cutie (Cheng et al. 2024, https://arxiv.org/abs/2310.12982): pixel and object memory.

    Objects compete for pixels and may be prompted by masks on any frame. `start` needs no number of
    frames. The training forward is given the true masks of each clip's first frame.

    Args:
        size: `base` (35 M parameters, ResNet-50) or `small` (29 M, ResNet-18).
        weights: Official file or training checkpoint to start from; default: random weights. Every
            key must fit.
        preset: How videos are run as published: `mose` (480 pixels, memory every 5 frames), its
            slower `mose_plus` (720 pixels, every 3 frames), or `long_video` (frames as they are,
            long-term memory).
        memory: What is kept of past frames, instead of the preset's.
        frame_size: At which size frames enter, instead of the preset's.
        clip: How the training forward reads a clip.
        widths: Sizes of the layers, for tests; weights fit the published ones only.
        freeze_norms: Keep the batch norms' statistics in training, as published.
    """

    clip_output = AuxiliaryClip

    def __init__(
        self,
        size: Literal["base", "small"] = "base",
        *,
        weights: Path | None = None,
        preset: Preset = "mose",
        memory: MemoryConfig | None = None,
        frame_size: SizePolicy | None = None,
        clip: CutieClips = _CLIP,
        widths: Widths = _PUBLISHED,
        freeze_norms: bool = True,
    ) -> None:
        block, blocks = _TRUNKS[size]
        finest = block.expansion * widths.trunk
        super().__init__(
            ImageTrunk(widths.trunk, blocks=blocks, block=block),
            CutieDecoder(widths, (2 * finest, finest)),
            widths=widths,
            feature_dim=4 * finest,
            freeze_norms=freeze_norms,
        )
        self.key_proj = KeyProjection(4 * finest, widths)
        self.to(memory_format=torch.channels_last)  # convolutions are a tenth faster so
        published_memory, published_size = PRESETS[preset]
        self.memory = published_memory if memory is None else memory
        self.frame_size = published_size if frame_size is None else frame_size
        self.clip = clip
        if weights is not None:
            load_official(weights, self)

    def start(self, num_frames: int | None = None, *, scale: float = 1.0) -> CutieSession:
        """Begin a video; see `VideoSegmenter.start`."""
        del num_frames
        return CutieSession(
            self, self.key_proj, memory=self.memory, frame_size=self.frame_size, scale=scale
        )

    def forward_clip(self, batch: VideoBatch, *, features: bool = False) -> AuxiliaryClip:
        """Run the training forward; see `pvuw.nets.cutie.clip_forward.forward_clip`."""
        del features  # no loss of this network's compares any
        return forward_clip(self, self.key_proj, batch, config=self.clip)
