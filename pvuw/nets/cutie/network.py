"""The network that Cutie and LiVOS share: everything but pixel memory, keys and mask decoder."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from pvuw.nets.base import TrainableSegmenter
from pvuw.nets.cutie.blocks import FeatureFuser, PixelFuser
from pvuw.nets.cutie.clips import competing_logits, others, per_object
from pvuw.nets.cutie.object_summarizer import ObjectSummarizer
from pvuw.nets.cutie.object_transformer import ObjectTransformer
from pvuw.nets.matching.framing import SizePolicy
from pvuw.nets.matching.sensory import DeepSensoryUpdate, SensoryUpdate
from pvuw.nets.matching.trunk import ImageTrunk, MaskTrunk, hold_norm_statistics


@dataclass(frozen=True)
class Widths:
    """Sizes of a network's layers; the defaults are those of the published checkpoints."""

    dim: int = 256
    """Channels of readouts, values, recurrent state and queries."""
    key_dim: int = 64
    """Channels that cells are matched by."""
    decoder_dims: tuple[int, int] = (128, 128)
    """Channels of the mask decoder at an eighth and a quarter of the picture."""
    trunk: int = 64
    """Channels of the first convolution of both trunks, ResNet's 64."""
    num_queries: int = 16
    """Queries, and summaries, per object."""
    num_blocks: int = 3
    """Blocks of the object transformer."""
    num_heads: int = 8
    """Heads of its attentions."""
    feedforward_dim: int = 2048
    """Width of its queries' feed-forward layers."""


@dataclass
class FrameFeatures:
    """What is known of a frame before any mask."""

    image: Tensor
    """Normalised picture, float `[B, 3, H, W]`."""
    f16: Tensor
    """Trunk features at a sixteenth, float `[B, ., H / 16, W / 16]`."""
    f8: Tensor
    """Trunk features at an eighth."""
    f4: Tensor
    """Trunk features at a quarter."""
    pixels: Tensor
    """Projected features at a sixteenth, float `[B, C, H / 16, W / 16]`."""

    def unbind(self, num_frames: int) -> "list[FrameFeatures]":
        """Features of `B * T` pictures, clip by clip, as `T` times those of `B` pictures."""
        maps = (getattr(self, name) for name in self.__dataclass_fields__)
        frames = (m.view(-1, num_frames, *m.shape[1:]).unbind(1) for m in maps)
        return [FrameFeatures(*frame) for frame in zip(*frames, strict=True)]


class Decoded(NamedTuple):
    """Masks of a frame, and what the recurrent state learns from them."""

    objects: Tensor
    """Logits of the competing objects at the picture's size, float32 `[O, H, W]`."""
    background: Tensor
    """Logits of each clip's background, float32 `[B, H, W]`."""
    maps: tuple[Tensor, Tensor, Tensor]
    """Decoder features at a sixteenth, an eighth and, with the mask logit, a quarter."""


class MaskDecoder(nn.Module, ABC):
    """Turns a refined readout into a mask; `sensory_update` takes its maps into the state."""

    sensory_update: SensoryUpdate

    @abstractmethod
    def forward(
        self, features: FrameFeatures, refined: Tensor, counts: Sequence[int]
    ) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
        """Mask logits, float32 `[O, H / 4, W / 4]`, and the maps of `Decoded`.

        Args:
            features: The frame.
            refined: Readout of each object, float `[O, C, H / 16, W / 16]`.
            counts: Objects of each clip, `O` in all.
        """


class MaskEncoder(MaskTrunk):
    """Turns an image and an object's mask into the value that memory keeps of the object."""

    def __init__(self, widths: Widths) -> None:
        super().__init__(widths.trunk)
        self.fuser = FeatureFuser(widths.dim, 4 * widths.trunk, widths.dim)
        self.sensory_update = DeepSensoryUpdate(widths.dim, widths.dim)

    def forward(self, features: FrameFeatures, masks: Tensor, counts: Sequence[int]) -> Tensor:
        """Values, float `[O, C, H / 16, W / 16]`, of masks `[O, H, W]`."""
        beside = torch.stack([masks, others(masks, counts)], dim=1)
        stacked = torch.cat([per_object(features.image, counts), beside], dim=1)
        values: Tensor = self.fuser(features.pixels, self.trunk(stacked), counts)
        return values


class SensoryPredictor(nn.Module):
    """Predicts masks from the recurrent state alone, for an auxiliary loss in training."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.projection = nn.Conv2d(dim, dim + 1, kernel_size=1)

    def forward(self, pixels: Tensor, sensory: Tensor, counts: Sequence[int]) -> Tensor:
        """Mask logits, float `[O, h, w]`."""
        projected: Tensor = self.projection(sensory)
        return (per_object(pixels, counts) * projected[:, :-1]).sum(1) + projected[:, -1]


class AuxiliaryPredictors(nn.Module):
    """What training alone needs; published checkpoints hold it."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.sensory_aux = SensoryPredictor(dim)


class ObjectMemoryNet(TrainableSegmenter):
    """A network with recurrent state, object memory and object transformer.

    Tensors with a row per object hold the objects of all clips of a batch, clips in order;
    `counts` says how many each clip has, and each has one at least. Attributes have Cutie's names.

    Args:
        pixel_encoder: The image trunk.
        mask_decoder: The mask decoder.
        widths: Sizes of the layers.
        feature_dim: Channels of the trunk's coarsest map.
        freeze_norms: Keep the statistics of the trunks' batch norms in training.
    """

    frame_size: SizePolicy

    def __init__(
        self,
        pixel_encoder: ImageTrunk,
        mask_decoder: MaskDecoder,
        *,
        widths: Widths,
        feature_dim: int,
        freeze_norms: bool,
    ) -> None:
        super().__init__()
        self.widths = widths
        self.freeze_norms = freeze_norms
        dim = widths.dim
        self.pixel_encoder = pixel_encoder
        self.pix_feat_proj = nn.Conv2d(feature_dim, dim, kernel_size=1)
        self.mask_encoder = MaskEncoder(widths)
        self.mask_decoder = mask_decoder
        self.pixel_fuser = PixelFuser(dim)
        self.object_transformer = ObjectTransformer(
            dim,
            num_queries=widths.num_queries,
            num_blocks=widths.num_blocks,
            num_heads=widths.num_heads,
            feedforward_dim=widths.feedforward_dim,
        )
        self.object_summarizer = ObjectSummarizer(dim, num_summaries=widths.num_queries)
        self.aux_computer = AuxiliaryPredictors(dim)
        for update in (self.mask_encoder.sensory_update, mask_decoder.sensory_update):
            nn.init.xavier_normal_(update.transform.weight)

    def encode_images(self, images: Tensor) -> FrameFeatures:
        """Features of normalised pictures, float `[B, 3, H, W]`, 16 dividing both sides."""
        f16, f8, f4 = self.pixel_encoder(images)
        return FrameFeatures(images, f16, f8, f4, self.pix_feat_proj(f16))

    def encode_masks(
        self, features: FrameFeatures, masks: Tensor, counts: Sequence[int]
    ) -> tuple[Tensor, Tensor]:
        """Values for pixel memory, `[O, C, h, w]`, and summaries for object memory.

        Args:
            features: The frame.
            masks: Probabilities, float `[O, H, W]`.
            counts: Objects of each clip.
        """
        values: Tensor = self.mask_encoder(features, masks, counts)
        return values, self.object_summarizer(masks, values)

    def deepen(self, values: Tensor, sensory: Tensor) -> Tensor:
        """The recurrent state `[O, C, h, w]` after it has seen a memory frame's values."""
        updated: Tensor = self.mask_encoder.sensory_update(values[None], sensory[None])
        return updated[0]

    def advance(self, decoded: Decoded, sensory: Tensor) -> Tensor:
        """The recurrent state `[O, C, h, w]` after a frame has been decoded."""
        g16, g8, g4 = (maps[None] for maps in decoded.maps)
        updated: Tensor = self.mask_decoder.sensory_update(g16, g8, g4, sensory[None])
        return updated[0]

    def refine(
        self,
        features: FrameFeatures,
        readout: Tensor,
        *,
        sensory: Tensor,
        last_masks: Tensor,
        summaries: Tensor,
        counts: Sequence[int],
    ) -> tuple[Tensor, list[Tensor]]:
        """What the object transformer makes of a readout, and the logits of its levels.

        Args:
            features: The frame.
            readout: What was read from pixel memory, float `[O, C, h, w]`.
            sensory: Recurrent state, float `[O, C, h, w]`.
            last_masks: Probabilities on the frame before, float `[O, H, W]`.
            summaries: Object memory, float `[O, Q, C + 1]`.
            counts: Objects of each clip.
        """
        fused = self.pixel_fuser(features.pixels, readout, sensory, last_masks, counts)
        refined: tuple[Tensor, list[Tensor]] = self.object_transformer(fused, summaries, counts)
        return refined

    def decode(self, features: FrameFeatures, refined: Tensor, counts: Sequence[int]) -> Decoded:
        """Masks of competing objects, at the picture's size."""
        logits, maps = self.mask_decoder(features, refined, counts)
        objects, background = competing_logits(logits.sigmoid(), counts)
        return Decoded(_enlarged(objects), _enlarged(background), maps)

    def blank_state(self, features: FrameFeatures, num_objects: int) -> Tensor:
        """Recurrent state of objects nothing is known of, zeros `[O, C, h, w]`."""
        return features.pixels.new_zeros(
            num_objects, *features.pixels.shape[1:], dtype=torch.float32
        )

    def network_size(self, size_hw: tuple[int, int]) -> tuple[int, int]:
        """What `frame_size` says."""
        return self.frame_size.network_size(size_hw)

    def train(self, mode: bool = True) -> Self:
        """Set the mode; the batch norms' statistics stay as they are unless told otherwise."""
        super().train(mode)
        if self.freeze_norms:
            hold_norm_statistics(self)
        return self

    def parts(self) -> dict[str, tuple[str, ...]]:
        """Parts by what they do; every parameter is in one."""
        return {
            "image_encoder": ("pixel_encoder",),
            "mask_encoder": ("mask_encoder",),
            "mask_decoder": ("mask_decoder",),
            "object_memory": ("object_transformer", "object_summarizer"),
            "memory": tuple(
                name
                for name, _ in self.named_children()
                if name
                not in (
                    "pixel_encoder",
                    "mask_encoder",
                    "mask_decoder",
                    "object_transformer",
                    "object_summarizer",
                )
            ),
        }


def _enlarged(logits: Tensor) -> Tensor:
    """Logits `[O, H / 4, W / 4]` at the picture's size."""
    return functional.interpolate(
        logits[None], scale_factor=4, mode="bilinear", align_corners=False
    )[0]
