"""XMem as a `VideoSegmenter`."""

from pathlib import Path
from typing import NamedTuple, Self

import torch
from torch import Tensor
from torch.nn import functional

from pvuw.nets.base import TrainableSegmenter
from pvuw.nets.checkpoint import load_checkpoint
from pvuw.nets.matching.competing import aggregate
from pvuw.nets.matching.framing import SizePolicy
from pvuw.nets.matching.trunk import ImageFeatures, ImageTrunk, hold_norm_statistics
from pvuw.nets.xmem.clip_forward import XMemClips, forward_clip
from pvuw.nets.xmem.config import PRESETS, Preset, XMemConfig
from pvuw.nets.xmem.modules import Decoder, KeyProjection, ValueEncoder, XMemWidths
from pvuw.nets.xmem.session import XMemSession
from pvuw.nets.xmem.weights import read_xmem, widths_of
from pvuw.types import MaskClip, VideoBatch

_PUBLISHED = XMemWidths()
_CLIP = XMemClips()


class EncodedImages(NamedTuple):
    """What XMem sees in images, before it knows of any object."""

    key: Tensor
    """Float `[B, K, h, w]`, `h w` being a sixteenth of the image."""
    shrinkage: Tensor
    """Float `[B, 1, h, w]`, at least 1."""
    selection: Tensor
    """Float `[B, K, h, w]` in 0..1."""
    features: ImageFeatures
    """For the decoder and the value encoder."""


class XMem(TrainableSegmenter):
    """XMem (Cheng and Schwing 2022, https://arxiv.org/abs/2207.07115): memory of three spans.

    Sensory memory changes with every frame, working memory holds whole frames, long-term memory
    holds what was used of them. Objects are prompted by masks, on any frame, and compete for
    pixels. `start` ignores the number of frames. The training forward is given the true masks of
    each clip's first frame; batch norms keep their statistics in it, as published.

    Args:
        weights: A published `.pth` file, an exported one or a training checkpoint to start from;
            default: random weights. Every key must fit; the widths are the file's.
        preset: How videos are run as published: `mose` (480 pixels, memory every 5 frames,
            long-term memory; the same for DAVIS and YouTube-VOS), `mose_2022` (resized without
            antialiasing, as torchvision did when the paper was written) or `working_memory`
            (without long-term memory, which grows for ever).
        memory: What is kept of past frames, instead of the preset's.
        frame_size: At which size frames enter, instead of the preset's; training takes clips as
            they are.
        clip: How the training forward reads a clip.
        widths: Channels, where no file gives them; published weights fit the default only.
    """

    clip_output = MaskClip

    def __init__(
        self,
        weights: Path | None = None,
        *,
        preset: Preset = "mose",
        memory: XMemConfig | None = None,
        frame_size: SizePolicy | None = None,
        clip: XMemClips = _CLIP,
        widths: XMemWidths = _PUBLISHED,
    ) -> None:
        super().__init__()
        checkpoint = None if weights is None else read_xmem(weights)
        published_memory, published_size = PRESETS[preset]
        self.memory = published_memory if memory is None else memory
        self.frame_size = published_size if frame_size is None else frame_size
        self.clip = clip
        self.widths = widths if checkpoint is None else widths_of(checkpoint)
        self.key_encoder = ImageTrunk(self.widths.trunk)
        self.value_encoder = ValueEncoder(self.widths)
        self.key_proj = KeyProjection(16 * self.widths.trunk, self.widths.key)
        self.decoder = Decoder(self.widths)
        hold_norm_statistics(self)
        if checkpoint is not None:
            load_checkpoint(checkpoint, self)

    def start(self, num_frames: int | None = None, *, scale: float = 1.0) -> XMemSession:
        """Begin a video; see `VideoSegmenter.start`."""
        del num_frames
        return XMemSession(self, self.memory, self.frame_size, scale=scale)

    def network_size(self, size_hw: tuple[int, int]) -> tuple[int, int]:
        """What `frame_size` says."""
        return self.frame_size.network_size(size_hw)

    def forward_clip(self, batch: VideoBatch, *, features: bool = False) -> MaskClip:
        """Run the training forward; see `pvuw.nets.xmem.clip_forward.forward_clip`."""
        del features  # the published objective compares none
        return forward_clip(self, batch, self.clip)

    def parts(self) -> dict[str, tuple[str, ...]]:
        """The image encoder, and what turns its features into keys, values and masks."""
        return {
            "image_encoder": ("key_encoder",),
            "key_projection": ("key_proj",),
            "memory_encoder": ("value_encoder",),
            "decoder": ("decoder",),
        }

    def train(self, mode: bool = True) -> Self:
        """Set the mode of all modules but batch norms, which keep their statistics."""
        super().train(mode)
        hold_norm_statistics(self)
        return self

    def encode_images(self, images: Tensor) -> EncodedImages:
        """Keys and features of normalised images, `[B, 3, H, W]` with sides that 16 divides."""
        features = self.key_encoder(images)
        key, shrinkage, selection = self.key_proj(features.f16)
        return EncodedImages(key, shrinkage, selection, features)

    def encode_values(self, image: Tensor, f16: Tensor, masks: Tensor) -> Tensor:
        """Values of an image's objects for memory, float `[B, N, V, h, w]`.

        Args:
            image: Normalised, `[B, 3, H, W]`.
            f16: Its features at a sixteenth.
            masks: Probability of each object at each pixel, float `[B, N, H, W]`.
        """
        values: Tensor = self.value_encoder(image, f16, masks)
        return values

    def initial_sensory(self, f16: Tensor, num_objects: int) -> Tensor | None:
        """Sensory memory of new objects: zeros `[B, N, C, h, w]`, None in a network without."""
        if not self.widths.sensory:
            return None
        shape = (f16.shape[0], num_objects, self.widths.sensory, *f16.shape[-2:])
        return torch.zeros(shape, device=f16.device)

    def reinforce(self, value: Tensor, sensory: Tensor | None) -> Tensor | None:
        """Sensory memory after a deep update with a memory frame's value."""
        if sensory is None or self.value_encoder.hidden_reinforce is None:
            return None
        renewed: Tensor = self.value_encoder.hidden_reinforce(value, sensory)
        return renewed

    def segment(
        self,
        features: ImageFeatures,
        readout: Tensor,
        sensory: Tensor | None,
        *,
        renew: bool,
        present: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Masks of an image from what memory says.

        Args:
            features: Of the image.
            readout: Float `[B, N, V, h, w]`.
            sensory: Sensory memory, None in a network without.
            renew: Renew sensory memory.
            present: 1 for slots that hold an object, 0 for padding, float `[B, N]`.

        Returns:
            Logits over background and objects, float32 `[B, 1 + N, H, W]`, and sensory memory.
        """
        own, sensory = self.decoder(features, readout, sensory, renew=renew)
        own = functional.interpolate(own, scale_factor=4, mode="bilinear", align_corners=False)
        probs = own.sigmoid()
        if present is not None:
            probs = probs * present[..., None, None]
        return aggregate(probs, dim=1), sensory
