"""Augmentation of training clips on the device they are on, in one fused pass per concern."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from datamodules.augmentations.colour import (
    ColourConfig,
    ColourDraw,
    Jitter,
    draw_colours,
    recolour,
)
from datamodules.augmentations.geometry import (
    GeometryConfig,
    GeometryDraw,
    keeps_objects,
    move_frames,
    move_planes,
    source_grid,
    source_matrix,
)
from pvuw.types import VideoBatch

DEEPSEGMA_GEOMETRY = GeometryConfig(scale=(0.75, 1.25))
"""SAM 2's, plus the report's multi-scale resize; its scales are not published, these are ours."""
DEEPSEGMA_COLOUR = ColourConfig(
    clip=Jitter(brightness=0.1, contrast=0.03, saturation=0.03),
    clip_grayscale=0.0,
    frame_grayscale=0.05,
    frame=Jitter(share=0.5, brightness=0.1, contrast=0.05, saturation=0.05),
)
"""SAM 2's, but single frames turn gray and only some are jittered, as the report words it."""


class ClipAugment(nn.Module):
    """Moves and recolours clips; what a clip gets depends on its `clip_seeds` entry alone.

    Frames, masks and void pixels of a clip move together: mirrored, then rotated, sheared and
    zoomed. That movement is dropped for a clip of which it would push an object out of frame 0;
    the device decides it and is never waited for. The frames come back as float32 in 0..1; mean and
    standard deviation are the network's business. Random numbers are drawn on the host, so a clip
    is augmented alike on any device, alone or in a batch, by any worker, and after a resume.

    Args:
        geometry: How clips are mirrored, rotated, sheared, scaled and resized.
        colour: How clips and single frames are recoloured.
    """

    def __init__(
        self, geometry: GeometryConfig | None = None, colour: ColourConfig | None = None
    ) -> None:
        super().__init__()
        self.geometry = geometry or GeometryConfig()
        self.colour = colour or ColourConfig()

    @torch.no_grad()
    def forward(self, batch: VideoBatch) -> VideoBatch:
        """The augmented batch, on the device of the given one, which stays as it was.

        Raises:
            ValueError: If the batch has no clip seeds, or is augmented already.
        """
        if batch.clip_seeds is None:
            raise ValueError("batch.clip_seeds is None; give each clip a seed to augment it by")
        if batch.frames.dtype != torch.uint8:
            raise ValueError(f"frames to augment are uint8, got {batch.frames.dtype}")
        moves: list[GeometryDraw] = []
        colours: list[ColourDraw] = []
        for seed in batch.clip_seeds:
            generator = torch.Generator().manual_seed(seed)
            moves.append(GeometryDraw.draw(self.geometry, generator))
            colours += draw_colours(self.colour, batch.num_frames, generator)
        frames, masks, void = self._move(batch, moves)
        recoloured = recolour(frames.flatten(0, 1), colours).view_as(frames)
        return replace(batch, frames=recoloured, masks=masks, void=void)

    def _move(
        self, batch: VideoBatch, draws: list[GeometryDraw]
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        flips = [draw.flip for draw in draws]
        frames, masks = _flip(batch.frames, flips), _flip(batch.masks, flips)
        void = None if batch.void is None else _flip(batch.void, flips)
        new_size_hw = self._new_size(frames, draws[0])
        if self.geometry.affine_is_identity and new_size_hw == tuple(frames.shape[-2:]):
            return frames.float(), masks, void
        aspects = batch.pixel_aspect or [1.0] * len(draws)
        grid = self._grid(masks[:, 0], draws, aspects=aspects, new_size_hw=new_size_hw)
        return (
            move_frames(frames, grid, self.geometry.fill_rgb),
            move_planes(masks, grid),
            None if void is None else move_planes(void[:, :, None], grid)[:, :, 0],
        )

    def _grid(
        self,
        first_masks: Tensor,
        draws: list[GeometryDraw],
        *,
        aspects: list[float],
        new_size_hw: tuple[int, int],
    ) -> Tensor:
        size_hw = (first_masks.shape[-2], first_masks.shape[-1])

        def matrices(moves: list[GeometryDraw]) -> Tensor:
            rows = [
                source_matrix(move, size_hw=size_hw, new_size_hw=new_size_hw, aspect=aspect)
                for move, aspect in zip(moves, aspects, strict=True)
            ]
            return torch.stack(rows).float().to(first_masks.device, non_blocking=True)

        wanted = matrices(draws)
        if self.geometry.affine_is_identity:
            return source_grid(wanted, new_size_hw)
        still = matrices([replace(draw, degrees=0.0, shear=0.0, scale=1.0) for draw in draws])
        kept = keeps_objects(first_masks, source_grid(wanted, new_size_hw))
        # Chosen on the device: asking it for the answer would stall the host once per batch.
        return source_grid(torch.where(kept[:, None, None], wanted, still), new_size_hw)

    def _new_size(self, frames: Tensor, draw: GeometryDraw) -> tuple[int, int]:
        height, width = frames.shape[-2:]
        sides = self.geometry.short_sides
        if not sides:
            return height, width
        ratio = sides[int(draw.size_position * len(sides))] / min(height, width)
        return round(height * ratio), round(width * ratio)


def _flip(planes: Tensor, flips: list[bool]) -> Tensor:
    if not any(flips):
        return planes
    return torch.stack(
        [clip.flip(-1) if flip else clip for clip, flip in zip(planes, flips, strict=True)]
    )


def sam2_mose(
    geometry: GeometryConfig = GeometryConfig(),  # noqa: B008 - frozen, and shown by --help
    colour: ColourConfig = ColourConfig(),  # noqa: B008
) -> ClipAugment:
    """The augmentation SAM 2 fine-tunes on MOSE with (`sam2.1_hiera_b+_MOSE_finetune.yaml`).

    Args:
        geometry: How clips are mirrored, rotated, sheared, scaled and resized.
        colour: How clips and single frames are recoloured.
    """
    return ClipAugment(geometry, colour)


def deepsegma(
    geometry: GeometryConfig = DEEPSEGMA_GEOMETRY, colour: ColourConfig = DEEPSEGMA_COLOUR
) -> ClipAugment:
    """The augmentation of DeepSegMa's report (https://arxiv.org/abs/2504.10254, section 3).

    Args:
        geometry: How clips are mirrored, rotated, sheared, scaled and resized.
        colour: How clips and single frames are recoloured.
    """
    return ClipAugment(geometry, colour)


PRESETS = {"sam2_mose": sam2_mose, "deepsegma": deepsegma}
