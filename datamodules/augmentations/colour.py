"""Colour: brightness, contrast, saturation, hue and grayscale, once per clip and once per frame.

All of brightness, contrast, saturation and grayscale blend a frame with something: black, its mean
luma, its luma. So however many of them follow each other, the result is

    gain * pixel + luma_gain * luma(pixel) + offset

with three numbers per frame, which need only the frame's mean luma: one pass over the pixels
instead of one per operation. Values are clipped once, at the end; torchvision clips (and, on
uint8, rounds) after each operation, so results differ where an operation saturates a channel.
"""

from dataclasses import dataclass, field
from enum import IntEnum

import torch
from kornia.color import rgb_to_grayscale
from kornia.enhance import adjust_hue
from torch import Tensor

_FACTORS = ("brightness", "contrast", "saturation")
_DRAWS = 9


@dataclass(frozen=True)
class Jitter:
    """Random factors, each uniform in `1 - value .. 1 + value`, applied in random order."""

    share: float = 1.0
    """Share of clips, or of frames, that are jittered at all."""
    brightness: float = 0.0
    """Largest relative change of brightness."""
    contrast: float = 0.0
    """Largest relative change of contrast, about the mean luma of the frame."""
    saturation: float = 0.0
    """Largest relative change of saturation."""
    hue: float = 0.0
    """Largest shift of hue either way, as a share of the full circle; applied last, costly."""

    def __post_init__(self) -> None:
        for name in ("share", *_FACTORS):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"jitter.{name} must be in 0..1, got {getattr(self, name)}")
        if not 0 <= self.hue <= 0.5:
            raise ValueError(f"jitter.hue must be in 0..0.5, got {self.hue}")


@dataclass(frozen=True)
class ColourConfig:
    """How clips are recoloured: `clip`, then grayscale, then `frame`.

    The defaults are those of SAM 2's MOSE fine-tuning.
    """

    clip: Jitter = field(
        default_factory=lambda: Jitter(brightness=0.1, contrast=0.03, saturation=0.03)
    )
    """Jitter with one draw for all frames of a clip."""
    clip_grayscale: float = 0.05
    """Share of clips that turn gray as a whole."""
    frame_grayscale: float = 0.0
    """Share of single frames that turn gray."""
    frame: Jitter = field(
        default_factory=lambda: Jitter(brightness=0.1, contrast=0.05, saturation=0.05)
    )
    """Jitter with a new draw for every frame."""

    def __post_init__(self) -> None:
        for name in ("clip_grayscale", "frame_grayscale"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"colour.{name} must be in 0..1, got {getattr(self, name)}")


class Blend(IntEnum):
    """What a step mixes the frame with."""

    BLACK = 0
    MEAN_LUMA = 1
    LUMA = 2


@dataclass(frozen=True)
class ColourStep:
    """One blend: `factor` of the frame and `1 - factor` of something else."""

    blend: Blend
    factor: float


@dataclass(frozen=True)
class ColourDraw:
    """What happens to one frame, in order."""

    steps: tuple[ColourStep, ...]
    hue: float
    """Shift of hue, share of the full circle."""


def draw_colours(
    config: ColourConfig, num_frames: int, generator: torch.Generator
) -> list[ColourDraw]:
    """Draw for each frame of one clip; takes the same amount whatever the config."""
    rows = torch.rand(num_frames + 1, _DRAWS, generator=generator, dtype=torch.float64).tolist()
    clip_gray, clip_steps, clip_hue = _draw_steps(config.clip, rows[0])
    common = clip_steps + _gray_step(clip_gray < config.clip_grayscale)
    draws = []
    for row in rows[1:]:
        gray, steps, hue = _draw_steps(config.frame, row)
        own = _gray_step(gray < config.frame_grayscale) + steps
        draws.append(ColourDraw(steps=common + own, hue=clip_hue + hue))
    return draws


def _draw_steps(jitter: Jitter, row: list[float]) -> tuple[float, tuple[ColourStep, ...], float]:
    gray, share, hue, *rest = row
    if share >= jitter.share:
        return gray, (), 0.0
    steps = [
        (order, ColourStep(blend, 1 + (2 * value - 1) * getattr(jitter, name)))
        for blend, name, value, order in zip(Blend, _FACTORS, rest[:3], rest[3:], strict=True)
        if getattr(jitter, name)
    ]
    ordered = tuple(step for _, step in sorted(steps, key=lambda pair: pair[0]))
    return gray, ordered, (2 * hue - 1) * jitter.hue


def _gray_step(gray: bool) -> tuple[ColourStep, ...]:
    return (ColourStep(Blend.LUMA, 0.0),) if gray else ()


def recolour(frames: Tensor, draws: list[ColourDraw]) -> Tensor:
    """Recoloured frames, float32 `[F, 3, H, W]` in 0..1; the input is overwritten.

    Args:
        frames: Float32 `[F, 3, H, W]` in 0..255.
        draws: What happens to each of the `F` frames.
    """
    luma = rgb_to_grayscale(frames)
    weights = _weights(draws, luma.mean(dim=(1, 2, 3)))[:, :, None, None, None]
    gain, luma_gain, offset = weights.unbind(0)
    recoloured = frames.mul_(gain).add_(luma.mul_(luma_gain).add_(offset)).clamp_(0, 1)
    if any(draw.hue for draw in draws):
        hue = torch.tensor([2 * torch.pi * draw.hue for draw in draws]).to(frames.device)
        return adjust_hue(recoloured, hue)
    return recoloured


def _weights(draws: list[ColourDraw], mean_luma: Tensor) -> Tensor:
    """Gain, luma gain and offset of each frame, float32 `[3, F]`, for frames in 0..255.

    Args:
        draws: What happens to each of the `F` frames.
        mean_luma: Mean luma of each frame, 0..255, `[F]`, on its device.
    """
    # Offsets are kept as multiples of the frame's mean luma, so that the host can follow every
    # step without knowing it, and nothing waits for the device.
    rows = []
    for draw in draws:
        gain, luma_gain, mean_gain = 1.0, 0.0, 0.0
        for step in draw.steps:
            keep, mix = step.factor, 1 - step.factor
            total = gain + luma_gain
            if step.blend == Blend.LUMA:
                gain, luma_gain = keep * gain, keep * luma_gain + mix * total
            else:
                mean = total + mean_gain if step.blend == Blend.MEAN_LUMA else 0.0
                gain, luma_gain = keep * gain, keep * luma_gain
                mean_gain = keep * mean_gain + mix * mean
        rows.append((gain / 255, luma_gain / 255, mean_gain / 255))
    weights = torch.tensor(rows, dtype=torch.float32).T.to(mean_luma.device, non_blocking=True)
    return torch.cat([weights[:2], weights[2:] * mean_luma])
