"""Augmentation of training clips on the device they are on, in one fused pass per concern."""

from dataclasses import replace
from itertools import product

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
from pvuw.io.expressions import mirrored
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

    A clip that sentences ask for is mirrored only where `mirrored` can say them of its mirror
    image.

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
        colours: list[list[ColourDraw]] = []
        for seed in batch.clip_seeds:
            generator = torch.Generator().manual_seed(seed)
            moves.append(GeometryDraw.draw(self.geometry, generator))
            colours.append(draw_colours(self.colour, batch.num_frames, generator))
        flips, sentences = _flips(moves, batch.sentences)
        frames, masks = _flip(batch.frames, flips), _flip(batch.masks, flips)
        void = None if batch.void is None else _flip(batch.void, flips)
        grid = self._grid(masks[:, 0], moves, batch.pixel_aspect or [1.0] * len(moves))
        if grid is not None:
            masks = move_planes(masks, grid)
            void = None if void is None else move_planes(void[:, :, None], grid)[:, :, 0]
        frames = self._render(frames, grid, colours)
        return replace(batch, frames=frames, masks=masks, void=void, sentences=sentences)

    def _render(
        self, frames: Tensor, grid: Tensor | None, colours: list[list[ColourDraw]]
    ) -> Tensor:
        clips, length = frames.shape[:2]
        size_hw = frames.shape[-2:] if grid is None else grid.shape[1:3]
        result = frames.new_empty(clips, length, 3, *size_hw, dtype=torch.float32)
        step = _frames_at_once(frames)
        for b, first in product(range(clips), range(0, length, step)):
            part = slice(first, first + step)
            some = frames[b, part].float()
            if grid is not None:
                some = move_frames(some, grid[b], self.geometry.fill_rgb)
            result[b, part] = recolour(some, colours[b][part])
        return result

    def _grid(
        self, first_masks: Tensor, draws: list[GeometryDraw], aspects: list[float]
    ) -> Tensor | None:
        """Where the pixels of each clip come from, `[B, h, w, 2]`; None: from where they are."""
        size_hw = (first_masks.shape[-2], first_masks.shape[-1])
        new_size_hw = self._new_size(size_hw, draws[0])
        if self.geometry.affine_is_identity and new_size_hw == size_hw:
            return None

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

    def _new_size(self, size_hw: tuple[int, int], draw: GeometryDraw) -> tuple[int, int]:
        sides = self.geometry.short_sides
        if not sides:
            return size_hw
        ratio = sides[int(draw.size_position * len(sides))] / min(size_hw)
        return round(size_hw[0] * ratio), round(size_hw[1] * ratio)


def _frames_at_once(frames: Tensor) -> int:
    # A CPU is twice as fast on what fits its cache, a GPU wants as much as there is.
    return 1 if frames.device.type == "cpu" else frames.shape[1]


def _flips(
    moves: list[GeometryDraw], sentences: list[list[str]] | None
) -> tuple[list[bool], list[list[str]] | None]:
    """Which clips are mirrored, and what is said of them then; left and right change places."""
    if sentences is None:
        return [move.flip for move in moves], None
    flips, said = [], []
    for move, texts in zip(moves, sentences, strict=True):
        turned = [text for text in map(mirrored, texts) if text is not None]
        flips.append(move.flip and len(turned) == len(texts))
        said.append(turned if flips[-1] else texts)
    return flips, said


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
