"""What nobody annotates: backdrops, the clutter on them, and things that stand in front."""

from dataclasses import dataclass

import numpy as np

from pvuw.sample.actors import Look, Part, Pose
from pvuw.sample.exact import Draw, sine
from pvuw.sample.noise import TILE, FloatArray, cloud, harden, pattern, value_noise
from pvuw.sample.raster import composite, darken_ground, rasterize
from pvuw.sample.species import rgb

Color = tuple[float, float, float]


@dataclass(frozen=True)
class Theme:
    """Kind of place; colours are hue, saturation, value."""

    species: tuple[str, ...]
    """Who lives there."""
    far: Color
    """At the top of the picture."""
    near: Color
    """At its bottom."""
    grain: float
    """Strength of the noise, 0..1."""
    relief: str
    """`blotches`, `waves`, `slabs` or `lanes`."""
    clutter: Color | None
    """Colour of what lies around."""


THEMES: dict[str, Theme] = {
    "meadow": Theme(
        ("grazer", "walker", "bird"),
        (0.25, 0.3, 0.65), (0.27, 0.6, 0.45), 0.5, "blotches", (0.3, 0.6, 0.4),
    ),
    "water": Theme(
        ("fish", "turtle", "jelly"),
        (0.52, 0.5, 0.75), (0.58, 0.75, 0.4), 0.35, "waves", (0.45, 0.4, 0.35),
    ),
    "street": Theme(
        ("car", "walker"),
        (0.6, 0.08, 0.6), (0.6, 0.06, 0.42), 0.3, "lanes", None,
    ),
    "square": Theme(
        ("walker", "bird", "turtle"),
        (0.09, 0.2, 0.75), (0.07, 0.25, 0.55), 0.3, "slabs", (0.08, 0.3, 0.45),
    ),
    "desert": Theme(
        ("grazer", "turtle", "bird"),
        (0.11, 0.3, 0.85), (0.08, 0.5, 0.65), 0.4, "blotches", (0.06, 0.4, 0.45),
    ),
}  # fmt: skip


def paint_backdrop(draw: Draw, theme: Theme, size_hw: tuple[int, int], unit: float) -> FloatArray:
    """Return the still picture the camera pans over, float32 `[H, W, 3]`, RGB 0..255.

    Args:
        draw: Source of randomness.
        theme: Kind of place.
        size_hw: Size of the picture, larger than a frame by what the camera pans.
        unit: Square root of the frame's area in pixels: what sizes are measured by.
    """
    hue = draw.uniform(-0.06, 0.06)
    far = np.array(rgb(theme.far[0] + hue, *theme.far[1:]), np.float32)
    near = np.array(rgb(theme.near[0] + hue, *theme.near[1:]), np.float32)
    down = np.arange(size_hw[0], dtype=np.float32)[:, None, None] / np.float32(size_hw[0])
    cells = tuple(max(int(unit * part), 1) for part in (0.3, 0.08, 0.025))
    noise = cloud(draw, size_hw, cells)
    speckle = 0.3 * value_noise(draw, size_hw, 2)
    relief = _relief(draw, theme, size_hw, unit, noise)
    light = 1.0 + theme.grain * (noise + speckle - 0.65) + relief
    canvas: FloatArray = np.multiply(far + down * (near - far), light[..., None])
    if theme.clutter is not None:
        _scatter(draw, theme.clutter, canvas, unit)
    return np.clip(canvas, 0.0, 255.0)


def _relief(
    draw: Draw, theme: Theme, size_hw: tuple[int, int], unit: float, noise: FloatArray
) -> FloatArray:
    """Change of brightness that gives a place its structure, `[H, W]`."""
    y = np.arange(size_hw[0], dtype=np.float32)[:, None] / np.float32(unit)
    x = np.arange(size_hw[1], dtype=np.float32)[None] / np.float32(unit)
    if theme.relief == "waves":
        waves: FloatArray = sine(y * draw.uniform(6.0, 9.0) + x * 1.5 + 1.8 * noise)
        return 0.12 * waves
    if theme.relief == "slabs":
        edge = np.maximum(abs(sine(x * 2.5 + 0.1)), abs(sine(y * 3.5 + 0.2)))
        return -0.25 * harden(edge, 0.985, 60.0)
    if theme.relief == "lanes":
        dashes = harden(sine(x * 2.0), 0.2, 6.0) * harden(sine(y * 2.6 + 0.1), 0.97, 60.0)
        return 0.5 * dashes
    return 0.2 * harden(noise, 0.55, 8.0) - 0.1


def _scatter(draw: Draw, color: Color, canvas: FloatArray, unit: float) -> None:
    """Draw stones and tufts on a backdrop in place."""
    height, width = canvas.shape[:2]
    looks = [bush(draw, color), stone(draw)]
    count = draw.integer(8, 16)
    for y in sorted(draw.uniform(0.05, 1.0) * height for _ in range(count)):
        size = unit * draw.uniform(0.015, 0.05)
        pose = Pose((draw.uniform(0.0, 1.0) * width, y), size, 0.0, draw.sign(), 0.0)
        look = draw.pick(looks)
        darken_ground(canvas, look, pose)
        layer = rasterize(look, pose, (height, width))
        if layer is not None:
            composite(canvas, layer)


def _scenery_look(
    draw: Draw, parts: tuple[Part, ...], color: Color, surface: str, rough: float
) -> Look:
    hue = color[0] + draw.uniform(-0.04, 0.04)
    colors = [[rgb(hue, color[1], color[2]), rgb(hue + 0.03, color[1], color[2] * 0.55)]]
    return Look(
        parts=parts,
        colors=np.array(colors, np.float32),
        texture=pattern(draw, surface),
        texture_shift=(draw.integer(0, TILE - 1), draw.integer(0, TILE - 1)),
        texels=32.0,
        rough=rough,
        pace=0.02,
        shadow=True,
    )


def bush(draw: Draw, color: Color) -> Look:
    """Return a rough clump of leaves, about 2 wide and 2 high."""
    ring = ((-0.45, 0.25), (0.45, 0.25), (-0.3, -0.3), (0.35, -0.3), (0.0, 0.0))
    parts = tuple(
        Part((u, v), (draw.uniform(0.5, 0.6), draw.uniform(0.5, 0.65)), sway=0.01, phase=0.2 * i)
        for i, (u, v) in enumerate(ring)
    )
    return _scenery_look(draw, parts, color, "plain", 0.4)


def stone(draw: Draw) -> Look:
    """Return a stone, about 2 wide."""
    parts = (
        Part((-0.2, 0.0), (0.7, draw.uniform(0.4, 0.6))),
        Part((0.3, 0.1), (0.65, draw.uniform(0.3, 0.5))),
    )
    return _scenery_look(draw, parts, (0.1, 0.1, draw.uniform(0.4, 0.7)), "rings", 0.15)


def post(draw: Draw, height: float) -> Look:
    """Return an upright trunk or pillar, 2 wide and `2 * height` high."""
    parts = (Part((0.0, 0.0), (1.0, height), boxy=True),)
    color = draw.pick(((0.07, 0.45, 0.4), (0.6, 0.05, 0.65), (0.02, 0.5, 0.5)))
    return _scenery_look(draw, parts, color, draw.pick(("plain", "rings", "stripes")), 0.0)
