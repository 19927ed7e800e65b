"""Frames as SAM 2 sees them: resized, normalised, encoded."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor
from torch.nn import functional as F

from pvuw.ops.images import normalize_images


@dataclass
class FrameFeatures:
    """Encoder output of `K` views of one frame, shared by all its objects."""

    coarse: Tensor
    """The map that memory works on, float `[K, D, h, w]`."""
    fine: list[Tensor]
    """The two finer maps the mask decoder adds, float `[K, C, 4h, 4w]` and `[K, C, 2h, 2w]`."""
    position: Tensor
    """Position encoding of the coarse map as tokens, float `[1, hw, D]`."""
    attended: Tensor | None = None
    """Tokens of the coarse map after the first self-attention, filled when first needed, float
    `[K, hw, D]`."""

    def rows(self, views: Sequence[int]) -> "FrameRows":
        """Features for the rows of a batch, each of which sees one of the views."""
        return FrameRows(self, views)

    def for_each(self, count: int) -> "FrameRows":
        """Features for `count` rows of a frame that has one view.

        Raises:
            ValueError: If it has several.
        """
        if len(self.coarse) > 1:
            raise ValueError(
                f"which of {len(self.coarse)} views do the rows see? Give them by rows()"
            )
        return FrameRows(self, [0] * count)


class FrameRows:
    """Features of one frame for `N` rows of a batch.

    Args:
        features: Of the frame.
        views: Which of its views each row sees, length `N`.
    """

    def __init__(self, features: FrameFeatures, views: Sequence[int]) -> None:
        self.features = features
        self.views = views

    def for_each(self, count: int) -> "FrameRows":
        """These features, which are for `count` rows.

        Raises:
            ValueError: If they are for another number of rows.
        """
        if count != len(self.views):
            raise ValueError(f"features are for {len(self.views)} rows, not for {count}")
        return self

    @property
    def coarse(self) -> Tensor:
        """The coarse map of each row, float `[N, D, h, w]`."""
        return self.of(self.features.coarse)

    @property
    def fine(self) -> list[Tensor]:
        """The finer maps of each row, float `[N, C, 4h, 4w]` and `[N, C, 2h, 2w]`."""
        return [self.of(maps) for maps in self.features.fine]

    def of(self, maps: Tensor) -> Tensor:
        """By row, `[N, ...]`, what is `[K, ...]` by view; copied where rows share several views."""
        first = self.views[0]
        if all(view == first for view in self.views):
            return maps[first : first + 1].expand(len(self.views), *maps.shape[1:])
        if list(self.views) == list(range(len(maps))):
            return maps
        # Not by an index: that would be copied to the device, which waits for it.
        return torch.stack([maps[view] for view in self.views])


SeenFrame = FrameFeatures | FrameRows
"""A frame in one view that all rows see, or row by row."""


class FrameEncoder(ABC):
    """Encodes the frames of one video; the network's weights must not change meanwhile.

    Args:
        model: The network.
    """

    def __init__(self, model: SAM2Base) -> None:
        self.model = model

    def encode(self, frame: Tensor) -> FrameFeatures:
        """Features of one frame, uint8 `[3, H, W]` RGB on any device, resized or not."""
        return self.encode_views([frame])

    def encode_views(self, frames: Sequence[Tensor]) -> FrameFeatures:
        """Features of the views of one frame, in one batch.

        Args:
            frames: Uint8 `[3, H, W]` RGB each, on any device, resized or not.
        """
        model = self.model
        side = model.image_size
        images = [f if f.shape[1:] == (side, side) else resize_frame(f, side) for f in frames]
        on_device = [image.to(model.device, non_blocking=True) for image in images]
        maps, position = self._maps(torch.stack(on_device))
        return self._for_decoder(model.sam_mask_decoder, maps, position)

    def _for_decoder(self, decoder: Any, maps: list[Tensor], position: Tensor) -> FrameFeatures:
        """What `_maps` gave, the finer maps as one mask decoder takes them."""
        fine = maps[:-1]
        if self.model.use_high_res_features_in_sam:
            fine = [decoder.conv_s0(fine[0]), decoder.conv_s1(fine[1])]
        return FrameFeatures(maps[-1], fine, position[:1].flatten(2).transpose(1, 2))

    @abstractmethod
    def _maps(self, images: Tensor) -> tuple[list[Tensor], Tensor]:
        """Maps, finest first, `[K, C, h, w]`, and the position encoding of the coarsest one.

        Args:
            images: The views at the network's size, uint8 `[K, 3, S, S]` RGB on its device.
        """


class HieraEncoder(FrameEncoder):
    """SAM 2's encoder.

    Does what `SAM2Base.forward_image` does, but resizes the trunk's position weights to the size of
    the first feature map once per video and not on every frame.
    """

    def __init__(self, model: SAM2Base) -> None:
        super().__init__(model)
        self._position_table: Tensor | None = None

    def _maps(self, images: Tensor) -> tuple[list[Tensor], Tensor]:
        encoder = self.model.image_encoder
        maps, positions = encoder.neck(self._trunk_stages(self._normalized(images)))
        used = slice(0, len(maps) - encoder.scalp)
        return maps[used][-self.model.num_feature_levels :], positions[used][-1]

    def _normalized(self, images: Tensor) -> Tensor:
        """Pixels as the trunk takes them, float `[K, 3, S, S]`."""
        return normalize_images(images)

    def _trunk_stages(self, images: Tensor) -> list[Tensor]:
        """Maps at the end of each of the trunk's stages, finest first, `[K, C, h, w]`."""
        trunk = self.model.image_encoder.trunk
        tokens = trunk.patch_embed(images)  # [K, h, w, C]
        if self._position_table is None:
            self._position_table = trunk._get_pos_embed(tokens.shape[1:3])
        tokens = tokens + self._position_table
        stages = []
        for index, block in enumerate(trunk.blocks):
            tokens = block(tokens)
            if index in trunk.stage_ends:
                stages.append(tokens.permute(0, 3, 1, 2))
        return stages


def resize_frame(frame: Tensor, side: int) -> Tensor:
    """A frame at `side x side` pixels, uint8 `[3, side, side]` on the CPU.

    Pillow's bicubic filter, as upstream: torch's differs by a grey level here and there, which
    shows in the masks.
    """
    resized = _as_picture(frame.cpu()).resize((side, side), Image.Resampling.BICUBIC)
    return torch.from_numpy(np.array(resized)).permute(2, 0, 1).contiguous()


def _as_picture(frame: Tensor) -> Image.Image:
    """A frame for Pillow: as it lies in memory if decoded pixel by pixel, as decoders do."""
    pixels = frame.permute(1, 2, 0)
    if pixels.is_contiguous():
        return Image.fromarray(pixels.numpy())
    # Merging planes is faster than interleaving the array.
    return Image.merge("RGB", [Image.fromarray(plane) for plane in frame.numpy()])


def scale_masks(masks: Tensor, side: int) -> Tensor:
    """Masks of prompts, bool `[N, H, W]`, with soft edges: 0..1, float32 `[N, 1, side, side]`."""
    scaled = masks[:, None].float()
    if masks.shape[-2:] != (side, side):
        scaled = F.interpolate(
            scaled, size=(side, side), mode="bilinear", align_corners=False, antialias=True
        )
    return scaled


def resize_masks(masks: Tensor, side: int) -> Tensor:
    """Masks of prompts, bool `[N, H, W]`, at `S = side` pixels: 0 or 1, float32 `[N, 1, S, S]`."""
    return (scale_masks(masks, side) >= 0.5).float()
