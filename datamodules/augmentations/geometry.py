"""Clip-consistent geometry: one movement per clip, the same for its frames, masks and void pixels.

Coordinates are continuous pixels: x to the right, y down, the centre of pixel `j` at `j + 0.5`.
"""

import math
from dataclasses import dataclass

import torch
from kornia.geometry.transform import get_affine_matrix2d
from torch import Tensor
from torch.nn import functional

_DRAWS = 6


@dataclass(frozen=True)
class GeometryConfig:
    """How clips are mirrored, rotated, sheared, scaled and resized.

    The defaults are those of SAM 2's MOSE fine-tuning.
    """

    flip: float = 0.5
    """Share of clips mirrored left to right."""
    affine: float = 1.0
    """Share of clips rotated, sheared and scaled, about the centre of the frame."""
    degrees: float = 25.0
    """Largest rotation either way, degrees."""
    shear: float = 20.0
    """Largest horizontal shear either way, degrees."""
    scale: tuple[float, float] = (1.0, 1.0)
    """Smallest and largest zoom; the canvas keeps its size, so below 1 leaves a border."""
    short_sides: tuple[int, ...] = ()
    """Short side of the result, pixels, one drawn per batch (by its first clip, since a batch has
    one shape); empty: as loaded. Only for networks that take more than one size."""
    fill_rgb: tuple[int, int, int] = (123, 116, 103)
    """Colour of what comes from outside the frame, 0..255: the ImageNet mean."""

    def __post_init__(self) -> None:
        for name in ("flip", "affine"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"geometry.{name} must be in 0..1, got {getattr(self, name)}")
        if not 0 <= self.degrees <= 180:
            raise ValueError(f"geometry.degrees must be in 0..180, got {self.degrees}")
        if not 0 <= self.shear < 90:
            raise ValueError(f"geometry.shear must be at least 0 and below 90, got {self.shear}")
        if not 0 < self.scale[0] <= self.scale[1]:
            raise ValueError(f"geometry.scale must rise from above 0, got {self.scale}")
        if any(side < 1 for side in self.short_sides):
            raise ValueError(f"geometry.short_sides must be above 0, got {self.short_sides}")
        if any(not 0 <= level <= 255 for level in self.fill_rgb):
            raise ValueError(f"geometry.fill_rgb must be in 0..255, got {self.fill_rgb}")

    @property
    def affine_is_identity(self) -> bool:
        """Whether no clip is ever rotated, sheared or scaled."""
        still = self.degrees == 0 and self.shear == 0 and self.scale == (1.0, 1.0)
        return still or self.affine == 0


@dataclass(frozen=True)
class GeometryDraw:
    """What one clip does, drawn on the host."""

    flip: bool
    degrees: float
    shear: float
    scale: float
    size_position: float
    """Where in `short_sides` this clip would choose, 0..1."""

    @classmethod
    def draw(cls, config: GeometryConfig, generator: torch.Generator) -> "GeometryDraw":
        """Draw for one clip; takes the same amount from the generator whatever the config."""
        flip, affine, turn, lean, zoom, size = torch.rand(
            _DRAWS, generator=generator, dtype=torch.float64
        ).tolist()
        if affine >= config.affine:
            return cls(flip < config.flip, 0.0, 0.0, 1.0, size)
        low, high = config.scale
        return cls(
            flip=flip < config.flip,
            degrees=(2 * turn - 1) * config.degrees,
            shear=(2 * lean - 1) * config.shear,
            scale=low + zoom * (high - low),
            size_position=size,
        )


def source_matrix(
    draw: GeometryDraw, *, size_hw: tuple[int, int], new_size_hw: tuple[int, int], aspect: float
) -> Tensor:
    """The map from a pixel of the result to where it comes from, float64 `[2, 3]` on the host.

    It takes continuous pixels to -1..1 over the source frame, what `grid_sample` wants. Rotation
    and shear follow torchvision's `affine` (shear first, positive angles clockwise), in the
    scene's proportions: the pixels are stretched by `aspect`, moved and squeezed again.

    Args:
        draw: What the clip does.
        size_hw: Height and width of the frames as loaded.
        new_size_hw: Height and width of the result.
        aspect: Scene width over scene height that a pixel covers.
    """
    height, width = size_hw
    centre = torch.tensor([[aspect * width / 2, height / 2]], dtype=torch.float64)
    moved = get_affine_matrix2d(
        torch.zeros_like(centre),
        centre,
        torch.full_like(centre, draw.scale),
        torch.tensor([draw.degrees], dtype=torch.float64),
        sx=torch.tensor([math.radians(draw.shear)], dtype=torch.float64),
    )[0]
    stretch = _matrix((aspect, 0, 0), (0, 1, 0))
    resize = _matrix((width / new_size_hw[1], 0, 0), (0, height / new_size_hw[0], 0))
    normalise = _matrix((2 / width, 0, -1), (0, 2 / height, -1))
    squeezed = torch.linalg.solve(moved @ stretch, stretch)  # stretch^-1 . moved^-1 . stretch
    source: Tensor = normalise @ squeezed @ resize
    return source[:2]


def _matrix(*rows: tuple[float, float, float]) -> Tensor:
    return torch.tensor([*rows, (0, 0, 1)], dtype=torch.float64)


def source_grid(matrices: Tensor, size_hw: tuple[int, int]) -> Tensor:
    """Where every pixel of the result comes from, float32 `[B, H, W, 2]`, x first, in -1..1.

    Args:
        matrices: What `source_matrix` gives for each clip, float32 `[B, 2, 3]`, any device.
        size_hw: Height and width of the result.
    """
    rows = torch.arange(size_hw[0], device=matrices.device)[:, None] + 0.5
    columns = torch.arange(size_hw[1], device=matrices.device)[None] + 0.5
    per_column, per_row, shift = matrices[:, :, None, None].unbind(-1)
    grid = matrices.new_empty(len(matrices), *size_hw, 2)
    # Twice as fast as affine_grid on a CPU: no matrix product over all pixels.
    torch.add(per_column * columns, per_row * rows + shift, out=grid.permute(0, 3, 1, 2))
    return grid


def move_frames(frames: Tensor, grid: Tensor, fill_rgb: tuple[int, int, int]) -> Tensor:
    """Frames of one clip after the movement, bilinear, float32 `[T, 3, h, w]` in 0..255.

    Args:
        frames: Float32 `[T, 3, H, W]` in 0..255; overwritten.
        grid: What `source_grid` gives for this clip, `[h, w, 2]`.
        fill_rgb: Colour of what comes from outside the frame.
    """
    fill = torch.tensor(fill_rgb, dtype=torch.float32, device=frames.device)[:, None, None]
    # Zeros from outside, with the fill subtracted before, are the fill: no need to ask where.
    return _sample(frames.sub_(fill), grid, "bilinear").add_(fill)


def move_planes(planes: Tensor, grid: Tensor) -> Tensor:
    """Boolean planes after the movement, nearest, bool `[B, T, P, h, w]`; outside is False.

    Every pixel copies all its planes from one source pixel, so overlapping objects stay
    overlapping, and nothing appears that was not there.

    Args:
        planes: Bool `[B, T, P, H, W]`.
        grid: What `source_grid` gives, `[B, h, w, 2]`.
    """
    moved = planes.new_empty(*planes.shape[:3], *grid.shape[1:3])
    # Eight planes at a time travel as the bits of one.
    eights = zip(torch.split(planes, 8, dim=2), torch.split(moved, 8, dim=2), strict=True)
    for some, target in eights:
        bits = torch.tensor([1 << k for k in range(some.shape[2])], dtype=torch.uint8)
        bits = bits.to(planes.device, non_blocking=True)[:, None, None]
        code = (some * bits).sum(dim=2, keepdim=True, dtype=torch.uint8).float()
        for clip, place, result in zip(code, grid, target, strict=True):
            result.copy_(_sample(clip, place, "nearest").to(torch.uint8) & bits)
    return moved


def _sample(images: Tensor, grid: Tensor, mode: str) -> Tensor:
    # All images share one grid, which is expanded and never copied.
    shared = grid.expand(len(images), -1, -1, -1)
    return functional.grid_sample(images, shared, mode=mode, align_corners=False)


def keeps_objects(masks: Tensor, grid: Tensor) -> Tensor:
    """Whether every object visible before the movement is visible after it, bool `[B]`.

    Args:
        masks: Masks of one frame of each clip, bool `[B, N, H, W]`.
        grid: What `source_grid` gives, `[B, h, w, 2]`.
    """
    before = masks.flatten(2).any(dim=2)
    after = move_planes(masks[:, None], grid)[:, 0].flatten(2).any(dim=2)
    return ~(before & ~after).any(dim=1)
