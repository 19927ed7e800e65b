"""Drawing one body: exact coverage, shaded colour, motion blur."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pvuw.sample.actors import Look, Part, Pose
from pvuw.sample.exact import sine
from pvuw.sample.noise import TILE, FloatArray

LIGHT = (-0.4, -0.65, 0.65)
"""Direction the light comes from: right, down, towards the viewer."""
AMBIENT = 0.45
MAX_BLUR = 4
"""Most steps of motion blur to either side."""
SHADOW = 0.4
"""How much light the darkest point of a shadow takes away."""

Box = tuple[int, int, int, int]
"""Top, left, bottom, right in pixels; bottom and right are not included."""


@dataclass(frozen=True)
class Layer:
    """One drawn body; rows and columns of `box` are the ones it fills of the frame."""

    box: Box
    mask: NDArray[np.bool_]
    """True where it covers the centre of a pixel, `[bottom - top, right - left]`."""
    color: FloatArray
    """RGB 0..255 times opacity, `[bottom - top, right - left, 3]`."""
    opacity: FloatArray
    """0..1, with soft edges and motion blur, `[bottom - top, right - left, 1]`."""


@dataclass(frozen=True)
class _Axes:
    """Two linear functions of the pixel: `p = p0 + px * x + py * y`, and `q` alike."""

    p0: float
    px: float
    py: float
    q0: float
    qx: float
    qy: float


def rasterize(look: Look, pose: Pose, size_hw: tuple[int, int]) -> Layer | None:
    """Draw a body into the part of the frame it touches.

    Args:
        look: The body.
        pose: Where it stands.
        size_hw: Size of the frame.

    Returns:
        The layer, or None where the body is outside the frame.
    """
    steps = _blur_steps(pose)
    margin = max((max(abs(x), abs(y)) for x, y in steps), default=0)
    box = _bounds(look, pose, size_hw, margin)
    if box is None:
        return None
    body = _body_axes(pose)
    texture = _sample_texture(look, body, box)
    coverage, tone, shade = _paint(look, pose, body, box, texture)
    colors = look.colors[tone]
    color = colors[..., 0, :] + texture[..., None] * (colors[..., 1, :] - colors[..., 0, :])
    opacity = coverage[..., None]
    color *= (shade * coverage)[..., None]
    return _cut(box, size_hw, coverage >= 0.5, _smear(color, steps), _smear(opacity, steps))


def _bounds(look: Look, pose: Pose, size_hw: tuple[int, int], margin: int) -> Box | None:
    """Box of the body, at most `margin` pixels outside the frame; None where nothing is inside."""
    half_u, half_v = look.extent()
    half_u *= abs(pose.facing)
    cos, sin = abs(sine(pose.angle + 0.25)), abs(sine(pose.angle))
    # 1 % and two pixels more: `sine` is an approximation, and the edge is soft.
    half_x = 1.01 * pose.scale * (cos * half_u + sin * half_v) + margin + 2.0
    half_y = 1.01 * pose.scale * (sin * half_u + cos * half_v) + margin + 2.0
    x, y = pose.position
    top, bottom = max(int(y - half_y), -margin), min(int(y + half_y) + 1, size_hw[0] + margin)
    left, right = max(int(x - half_x), -margin), min(int(x + half_x) + 1, size_hw[1] + margin)
    return (top, left, bottom, right) if top < bottom and left < right else None


def _body_axes(pose: Pose) -> _Axes:
    """Body coordinates `u, v` as functions of the pixel."""
    cos, sin = sine(pose.angle + 0.25), sine(pose.angle)
    along, across = 1.0 / (pose.scale * pose.facing), 1.0 / pose.scale
    x, y = pose.position
    px, py, qx, qy = cos * along, sin * along, -sin * across, cos * across
    return _Axes(-(px * x + py * y), px, py, -(qx * x + qy * y), qx, qy)


def _part_axes(part: Part, cycle: float, body: _Axes) -> _Axes:
    """Coordinates in which the part's outline is at distance 1 from the origin."""
    turn = part.angle + part.sway * sine(cycle + part.phase)
    cos, sin = sine(turn + 0.25), sine(turn)
    (u, v), (a, b) = part.pivot, part.axes
    p0, q0 = body.p0 - u, body.q0 - v
    return _Axes(
        (cos * p0 + sin * q0) / a,
        (cos * body.px + sin * body.qx) / a,
        (cos * body.py + sin * body.qy) / a,
        (cos * q0 - sin * p0 - part.drop) / b,
        (cos * body.qx - sin * body.px) / b,
        (cos * body.qy - sin * body.py) / b,
    )


def _evaluate(axes: _Axes, box: Box) -> tuple[FloatArray, FloatArray]:
    """Values of `p` and `q` at the pixels of a box."""
    top, left, bottom, right = box
    x = np.arange(left, right, dtype=np.float32)[None]
    y = np.arange(top, bottom, dtype=np.float32)[:, None]
    p = (x * axes.px + axes.p0) + y * axes.py
    q = (x * axes.qx + axes.q0) + y * axes.qy
    return p, q


def _sample_texture(look: Look, body: _Axes, box: Box) -> FloatArray:
    """Texture of the body at every pixel of a box."""
    u, v = _evaluate(body, box)
    # Truncation is a floor only above zero; TILE * 64 texels away from it there is no body.
    col = (u * look.texels + (look.texture_shift[1] + TILE * 64)).astype(np.int32) & (TILE - 1)
    row = (v * look.texels + (look.texture_shift[0] + TILE * 64)).astype(np.int32) & (TILE - 1)
    return look.texture.ravel()[row * TILE + col]


def _paint(
    look: Look, pose: Pose, body: _Axes, box: Box, texture: FloatArray
) -> tuple[FloatArray, NDArray[np.uint8], FloatArray]:
    """Coverage 0..1, tone and shade of every pixel of a box, part over part."""
    coverage = np.zeros(texture.shape, np.float32)
    tone = np.zeros(texture.shape, np.uint8)
    shade = np.ones(texture.shape, np.float32)
    bump = look.rough * (texture - 0.5) if look.rough else None
    for part in look.parts:
        axes = _part_axes(part, pose.cycle, body)
        p, q = _evaluate(axes, box)
        p2, q2 = p * p, q * q
        distance = np.sqrt(np.sqrt(p2 * p2 + q2 * q2)) if part.boxy else np.sqrt(p2 + q2)
        if bump is not None:
            distance += bump
        pixels = min(part.axes) * pose.scale
        cover = np.clip((1.0 - distance) * pixels + 0.5, 0.0, 1.0)
        seen = cover >= coverage
        np.copyto(coverage, cover, where=seen)
        np.copyto(tone, np.uint8(part.tone), where=seen)
        np.copyto(shade, _shade(axes, part, pose, p, q, distance), where=seen)
    return coverage, tone, shade


def _shade(
    axes: _Axes, part: Part, pose: Pose, p: FloatArray, q: FloatArray, distance: FloatArray
) -> FloatArray:
    """Brightness of the ellipsoid the part is taken for."""
    to_p, to_q = part.axes[0] * pose.scale, part.axes[1] * pose.scale
    light_p = to_p * (axes.px * LIGHT[0] + axes.py * LIGHT[1])
    light_q = to_q * (axes.qx * LIGHT[0] + axes.qy * LIGHT[1])
    height = 1.0 - np.minimum(distance * distance, 1.0)
    lit = p * light_p + q * light_q + np.sqrt(height) * LIGHT[2]
    shade: FloatArray = AMBIENT + (1.25 - AMBIENT) * np.clip(lit, 0.0, 1.0)
    return shade


def _blur_steps(pose: Pose) -> list[tuple[int, int]]:
    """Whole-pixel shifts that the open shutter averages, symmetric about zero."""
    x, y = pose.travel
    count = min(int(max(abs(x), abs(y)) / 2.0 + 0.5), MAX_BLUR)
    parts = [i / (2.0 * count) for i in range(-count, count + 1)] if count else []
    return [(round(part * x), round(part * y)) for part in parts]


def _smear(picture: FloatArray, steps: list[tuple[int, int]]) -> FloatArray:
    """Average of shifted copies; what is shifted in from outside the box is empty."""
    if not steps:
        return picture
    total = np.zeros_like(picture)
    rows, cols = picture.shape[:2]
    for x, y in steps:
        if abs(x) < cols and abs(y) < rows:
            total[max(y, 0) : rows + min(y, 0), max(x, 0) : cols + min(x, 0)] += picture[
                max(-y, 0) : rows - max(y, 0), max(-x, 0) : cols - max(x, 0)
            ]
    total *= 1.0 / len(steps)
    return total


def _cut(
    box: Box,
    size_hw: tuple[int, int],
    mask: NDArray[np.bool_],
    color: FloatArray,
    opacity: FloatArray,
) -> Layer | None:
    """Layer without what lies outside the frame."""
    top, left, bottom, right = box
    inside = (max(top, 0), max(left, 0), min(bottom, size_hw[0]), min(right, size_hw[1]))
    if inside[0] >= inside[2] or inside[1] >= inside[3]:
        return None
    window = (slice(inside[0] - top, inside[2] - top), slice(inside[1] - left, inside[3] - left))
    return Layer(inside, mask[window], color[window], opacity[window])


def composite(frame: FloatArray, layer: Layer) -> None:
    """Draw a layer over a frame in place, float32 `[H, W, 3]`."""
    top, left, bottom, right = layer.box
    view = frame[top:bottom, left:right]
    view *= 1.0 - layer.opacity
    view += layer.color


def darken_ground(frame: FloatArray, look: Look, pose: Pose) -> None:
    """Draw the soft shadow under a body in place, float32 `[H, W, 3]`."""
    x, y = pose.position
    half_width, feet = look.footing()
    wide = half_width * (0.4 + 0.6 * abs(pose.facing)) * pose.scale
    high = 0.2 * wide
    y += feet * pose.scale
    box = (
        max(int(y - high), 0),
        max(int(x - wide), 0),
        min(int(y + high) + 1, frame.shape[0]),
        min(int(x + wide) + 1, frame.shape[1]),
    )
    if box[0] >= box[2] or box[1] >= box[3]:
        return
    p, q = _evaluate(_Axes(-x / wide, 1.0 / wide, 0.0, -y / high, 0.0, 1.0 / high), box)
    depth = np.maximum(1.0 - (p * p + q * q), 0.0)
    frame[box[0] : box[2], box[1] : box[3]] *= (1.0 - SHADOW * depth)[..., None]
