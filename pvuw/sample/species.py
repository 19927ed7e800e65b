"""The kinds of bodies in a scene and how individuals of one kind differ."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pvuw.sample.actors import Described, Look, Part, Vector
from pvuw.sample.exact import Draw
from pvuw.sample.noise import PATTERNS, TILE, pattern

Hsv = tuple[float, float, float]
"""Hue in turns, saturation and value in 0..1."""
COLORS: dict[str, Hsv] = {
    "red": (0.0, 0.85, 0.9),
    "yellow": (0.155, 0.85, 1.0),
    "green": (0.36, 0.8, 0.8),
    "blue": (0.61, 0.8, 0.95),
    "purple": (0.79, 0.75, 0.85),
    "white": (0.6, 0.04, 1.0),
}
"""Colours that are easily told apart, by the word for them."""
COAT, LIMB, HEAD, DARK, LIGHT = range(5)
"""Tones: rows of `Look.colors`."""


@dataclass(frozen=True)
class Kind:
    """What all individuals of one kind in a scene share."""

    name: str
    parts: tuple[Part, ...]
    surface: str
    texture: NDArray[np.float32]
    hue: float
    saturation: float
    value: float
    accent: Vector
    """Hue shift and value factor of the pattern's other colour."""
    rough: float
    pace: float


def _limb(
    u: float, v: float, length: float, width: float, phase: float, sway: float = 0.07
) -> Part:
    return Part((u, v), (width, length / 2), length / 2, sway=sway, phase=phase, tone=LIMB)


def _dot(u: float, v: float, radius: float, tone: int) -> Part:
    return Part((u, v), (radius, radius), tone=tone)


def _grazer(draw: Draw) -> tuple[Part, ...]:
    leg, belly = draw.uniform(0.5, 0.8), draw.uniform(0.42, 0.56)
    neck = draw.uniform(0.0, 0.35)
    return (
        _limb(0.62, 0.2, leg, 0.11, 0.5),
        _limb(-0.5, 0.2, leg, 0.11, 0.0),
        Part((-0.85, -0.25), (0.07, 0.3), 0.25, angle=0.1, sway=0.08, tone=LIMB),
        Part((0.0, 0.0), (0.95, belly), tone=COAT),
        _limb(0.5, 0.25, leg, 0.12, 0.0),
        _limb(-0.62, 0.25, leg, 0.12, 0.5),
        Part((0.72, -0.15), (0.2, 0.2 + neck), -neck, angle=0.06, tone=COAT),
        Part((1.0, -0.3 - neck), (0.34, 0.23), sway=0.03, tone=HEAD),
        Part((0.8, -0.48 - neck), (0.08, 0.17), tone=LIMB),
        _dot(1.06, -0.36 - neck, 0.06, DARK),
    )


def _fish(draw: Draw) -> tuple[Part, ...]:
    depth, fin = draw.uniform(0.36, 0.6), draw.uniform(0.3, 0.5)
    return (
        Part((-0.7, 0.0), (0.13, 0.42), 0.28, angle=0.17, sway=0.06, tone=LIMB),
        Part((-0.7, 0.0), (0.13, 0.42), 0.28, angle=0.33, sway=0.06, tone=LIMB),
        Part((-0.1, -depth * 0.6), (0.34, fin), sway=0.02, tone=LIMB),
        Part((0.1, depth * 0.6), (0.16, fin * 0.8), 0.1, angle=0.05, sway=0.05, tone=LIMB),
        Part((-0.4, 0.0), (0.52, depth * 0.6), sway=0.02, tone=COAT),
        Part((0.15, 0.0), (0.8, depth), tone=COAT),
        Part((0.68, 0.02), (0.28, depth * 0.62), tone=HEAD),
        _dot(0.72, -0.1, 0.09, LIGHT),
        _dot(0.74, -0.1, 0.05, DARK),
    )


def _walker(draw: Draw) -> tuple[Part, ...]:
    shoulder, leg = draw.uniform(0.24, 0.34), draw.uniform(0.72, 0.9)
    return (
        _limb(-shoulder * 0.9, -0.48, 0.62, 0.09, 0.5, 0.1),
        _limb(-0.06, 0.15, leg, 0.14, 0.0, 0.08),
        _limb(0.06, 0.15, leg, 0.15, 0.5, 0.08),
        Part((0.0, -0.18), (shoulder, 0.45), tone=COAT, boxy=True),
        _limb(shoulder * 0.6, -0.5, 0.66, 0.1, 0.0, 0.1),
        Part((0.02, -0.82), (0.19, 0.23), tone=HEAD),
        Part((-0.03, -0.93), (0.2, 0.15), tone=DARK),
    )


def _car(draw: Draw) -> tuple[Part, ...]:
    roof, cabin = draw.uniform(0.26, 0.42), draw.uniform(0.45, 0.65)
    return (
        Part((-0.1, -0.2), (cabin, roof), tone=COAT, boxy=True),
        Part((-0.08, -0.22), (cabin * 0.85, roof * 0.7), tone=LIGHT, boxy=True),
        Part((-0.1, -0.2), (0.05, roof), tone=COAT, boxy=True),
        Part((0.0, 0.15), (1.05, 0.28), tone=COAT, boxy=True),
        Part((0.98, 0.1), (0.08, 0.09), tone=LIGHT),
        _dot(0.62, 0.38, 0.23, DARK),
        _dot(-0.62, 0.38, 0.23, DARK),
        _dot(0.62, 0.38, 0.1, LIGHT),
        _dot(-0.62, 0.38, 0.1, LIGHT),
    )


def _bird(draw: Draw) -> tuple[Part, ...]:
    wing, depth = draw.uniform(0.7, 1.0), draw.uniform(0.26, 0.36)
    return (
        Part((0.05, -0.1), (0.2, wing * 0.5), wing * 0.45, angle=0.47, sway=0.12, tone=LIMB),
        Part((-0.6, 0.0), (0.35, 0.12), angle=-0.04, sway=0.03, tone=LIMB),
        Part((0.0, 0.0), (0.75, depth), tone=COAT),
        Part((0.68, -0.18), (0.24, 0.22), tone=HEAD),
        Part((0.98, -0.16), (0.16, 0.06), tone=LIGHT),
        _dot(0.74, -0.22, 0.05, DARK),
        Part((-0.05, -0.05), (0.26, wing * 0.5), wing * 0.45, angle=0.55, sway=0.12, tone=LIMB),
    )


def _turtle(draw: Draw) -> tuple[Part, ...]:
    width, leg = draw.uniform(0.52, 0.68), draw.uniform(0.4, 0.5)
    return (
        Part((0.5, 0.3), (0.13, leg), 0.3, angle=0.06, sway=0.07, tone=LIMB),
        Part((-0.5, 0.3), (0.13, leg), 0.25, angle=-0.06, sway=0.07, phase=0.5, tone=LIMB),
        Part((0.5, -0.3), (0.13, leg), 0.3, angle=0.44, sway=0.07, phase=0.5, tone=LIMB),
        Part((-0.5, -0.3), (0.13, leg), 0.25, angle=0.56, sway=0.07, tone=LIMB),
        Part((0.95, 0.0), (0.27, 0.2), sway=0.02, tone=HEAD),
        Part((0.0, 0.0), (0.88, width), tone=COAT),
        _dot(1.08, -0.08, 0.05, DARK),
    )


def _jelly(draw: Draw) -> tuple[Part, ...]:
    length = draw.uniform(0.7, 1.0)
    arms = tuple(
        _limb(u, 0.0, length * (1.0 - 0.5 * u * u), 0.09, 0.2 * i, 0.05)
        for i, u in enumerate((-0.5, -0.25, 0.0, 0.25, 0.5))
    )
    return (
        *arms,
        Part((0.0, -0.3), (0.7, 0.5), sway=0.02, tone=COAT),
        Part((0.0, -0.05), (0.6, 0.16), sway=0.02, phase=0.5, tone=HEAD),
    )


SPECIES: dict[str, Callable[[Draw], tuple[Part, ...]]] = {
    "grazer": _grazer,
    "fish": _fish,
    "walker": _walker,
    "car": _car,
    "bird": _bird,
    "turtle": _turtle,
    "jelly": _jelly,
}
GROUNDED = frozenset({"grazer", "walker", "car"})
"""Species that stand on the ground: they cast a shadow and do not rotate."""


def new_kind(draw: Draw, species: str) -> Kind:
    """Return a new kind of a species: its proportions, surface and colours."""
    rigid = species == "car"
    surface = "plain" if rigid else draw.pick(tuple(PATTERNS))
    texture = pattern(draw, surface)
    return Kind(
        name=species,
        parts=SPECIES[species](draw),
        surface=surface,
        texture=texture,
        hue=draw.uniform(0.0, 1.0),
        saturation=draw.uniform(0.15, 0.85),
        value=draw.uniform(0.45, 1.0),
        accent=(draw.uniform(-0.12, 0.12), draw.pick((0.35, 0.5, 1.8))),
        rough=0.0 if rigid else draw.pick((0.0, 0.1, 0.25)),
        pace=draw.uniform(0.06, 0.14),
    )


def clear_kind(draw: Draw, species: str, color: Hsv) -> Kind:
    """Return a new kind that words can tell: of a plain colour, spotted or striped darker."""
    kind = new_kind(draw, species)
    surface = "plain" if species == "car" else draw.pick(("plain", "spots", "stripes"))
    return replace(
        kind,
        surface=surface,
        texture=pattern(draw, surface),
        hue=color[0],
        saturation=color[1],
        value=color[2],
        accent=(0.0, 0.85 if surface == "plain" else 0.5),
        rough=0.0,
    )


def individual(draw: Draw, kind: Kind) -> Look:
    """Return one individual of a kind: slightly other proportions and colours, its own spots."""
    hue = kind.hue + draw.uniform(-0.025, 0.025)
    value = min(kind.value * draw.uniform(0.9, 1.1), 1.0)
    return Look(
        parts=tuple(_vary(draw, part) for part in kind.parts),
        colors=_colors(hue, kind.saturation, value, kind.accent),
        texture=kind.texture,
        texture_shift=(draw.integer(0, TILE - 1), draw.integer(0, TILE - 1)),
        texels=24.0,
        rough=kind.rough,
        pace=kind.pace * draw.uniform(0.85, 1.15),
        shadow=kind.name in GROUNDED,
        described=Described(kind.name, kind.surface, hue % 1.0, kind.saturation, value),
    )


def _vary(draw: Draw, part: Part) -> Part:
    first, second = draw.uniform(0.94, 1.06), draw.uniform(0.94, 1.06)
    return replace(part, axes=(part.axes[0] * first, part.axes[1] * second))


def _colors(hue: float, saturation: float, value: float, accent: Vector) -> NDArray[np.float32]:
    other = min(value * accent[1], 1.0)
    coat = [rgb(hue, saturation, value), rgb(hue + accent[0], saturation * 0.9, other)]
    limb = [rgb(hue, saturation, value * 0.7), rgb(hue + accent[0], saturation, other * 0.7)]
    head = [rgb(hue + 0.03, saturation * 0.7, value * 0.9), rgb(hue, saturation * 0.7, value * 0.7)]
    dark = [rgb(hue, 0.3, 0.1), rgb(hue, 0.3, 0.2)]
    light = [rgb(0.58, 0.12, 0.85), rgb(0.58, 0.2, 0.7)]
    return np.array([coat, limb, head, dark, light], np.float32)


def rgb(hue: float, saturation: float, value: float) -> tuple[float, float, float]:
    """Return a colour in 0..255; hue in turns, saturation and value in 0..1.

    Example:
        >>> rgb(0.0, 1.0, 1.0), rgb(1 / 3, 0.5, 1.0)
        ((255.0, 0.0, 0.0), (127.5, 255.0, 127.5))
    """
    red, green, blue = (
        min(max(abs((hue + shift) % 1.0 * 6.0 - 3.0) - 1.0, 0.0), 1.0)
        for shift in (0.0, 2.0 / 3.0, 1.0 / 3.0)
    )
    full = 255.0 * value
    return (
        full * (1.0 - saturation * (1.0 - red)),
        full * (1.0 - saturation * (1.0 - green)),
        full * (1.0 - saturation * (1.0 - blue)),
    )
