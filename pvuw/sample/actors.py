"""What a scene is made of: parts that form a look, a path, and the actor that has both."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pvuw.sample.exact import ease, sine

Vector = tuple[float, float]


@dataclass(frozen=True)
class Part:
    """One ellipse or rounded box of a body about 2 long; `u` points forward, `v` down."""

    pivot: Vector
    """Point the part swings about, in body units."""
    axes: Vector
    """Half extents along its own two axes, in body units."""
    drop: float = 0.0
    """Distance of its centre from the pivot along its own second axis, in body units."""
    angle: float = 0.0
    """Angle at rest, in turns."""
    sway: float = 0.0
    """Largest swing to either side, in turns."""
    phase: float = 0.0
    """Where in the cycle of the swing it starts, in turns."""
    tone: int = 0
    """Row of the look's colours."""
    boxy: bool = False
    """Outline `p^4 + q^4 = 1` instead of an ellipse."""


@dataclass(frozen=True)
class Described:
    """What words say of a look."""

    species: str
    surface: str
    """Name of its pattern."""
    hue: float
    """Of its coat, in turns; as saturation and value, those of the brighter colour."""
    saturation: float
    value: float


@dataclass(frozen=True)
class Look:
    """Shape, colours and surface of one individual."""

    parts: tuple[Part, ...]
    """Back to front."""
    colors: NDArray[np.float32]
    """Per tone the two RGB colours 0..255 that the texture blends, `[tones, 2, 3]`."""
    texture: NDArray[np.float32]
    """Blend weights 0..1, `[TILE, TILE]`."""
    texture_shift: tuple[int, int] = (0, 0)
    """Texels the pattern is shifted by: siblings share a pattern, not the place of its spots."""
    texels: float = 24.0
    """Texels per body unit."""
    rough: float = 0.0
    """How far the texture moves the outline, as a fraction of a part's radius."""
    pace: float = 0.08
    """Cycles of the swing per frame."""
    shadow: bool = False
    """Whether it darkens the ground under it."""
    described: Described | None = None
    """None for scenery."""

    def extent(self) -> Vector:
        """Half width and half height that contain every part at every time, in body units."""
        reach = [_part_extent(part) for part in self.parts]
        grow = 1.0 + 0.5 * self.rough
        return grow * max(u for u, _ in reach), grow * max(v for _, v in reach)

    def footing(self) -> Vector:
        """Half width and depth of the feet, in body units, leaving out limbs that stand off."""
        upright = [part for part in self.parts if part.angle == 0.0]
        return (
            max(abs(part.pivot[0]) + part.axes[0] for part in upright),
            max(part.pivot[1] + part.drop + part.axes[1] for part in upright),
        )


def _part_extent(part: Part) -> Vector:
    u, v = abs(part.pivot[0]), abs(part.pivot[1])
    if part.angle == 0.0 and part.sway == 0.0:
        return u + part.axes[0], v + abs(part.drop) + part.axes[1]
    radius = abs(part.drop) + max(part.axes) * (1.19 if part.boxy else 1.0)  # 2^(1/4) at a corner
    return u + radius, v + radius


@dataclass(frozen=True)
class Path:
    """A closed curve about a point, entered from somewhere else when `entry_frames` is set."""

    center: Vector
    """Pixels, x then y."""
    swing: Vector = (0.0, 0.0)
    """Largest distance from the centre, pixels."""
    period: Vector = (60.0, 60.0)
    """Frames per cycle."""
    phase: Vector = (0.0, 0.0)
    """Where in the cycle frame 0 is, in turns."""
    entry_offset: Vector = (0.0, 0.0)
    """Where it waits before it enters, pixels from where the curve has it."""
    entry_start: float = 0.0
    """Frame at which it sets off."""
    entry_frames: float = 0.0
    """Frames it takes to reach the curve."""

    def at(self, time: float) -> Vector:
        """Position at a time in frames, pixels, x then y."""
        away = 0.0
        if self.entry_frames > 0:
            away = 1.0 - ease((time - self.entry_start) / self.entry_frames)
        x, y = (
            self.center[i]
            + self.swing[i] * sine(time / self.period[i] + self.phase[i])
            + away * self.entry_offset[i]
            for i in (0, 1)
        )
        return x, y


@dataclass(frozen=True)
class Pose:
    """Where and how a body stands in one frame."""

    position: Vector
    """Pixels, x then y."""
    scale: float
    """Pixels per body unit."""
    angle: float
    """Turns, clockwise in the image."""
    facing: float
    """Width factor: -1 is the mirror image, small values are a body seen from front or back."""
    cycle: float
    """Cycles of the swing so far."""
    travel: Vector = (0.0, 0.0)
    """Pixels moved while the shutter is open, x and y."""


@dataclass(frozen=True)
class Actor:
    """One thing that is drawn; an annotated object where `object_id` > 0."""

    object_id: int
    """Value in the id map, 0 for things that are not annotated."""
    look: Look
    path: Path
    radius: float
    """Pixels per body unit at rest."""
    breath: float = 0.0
    """Relative change of size over a cycle of the path: it comes nearer and goes."""
    tilt: float = 0.0
    """Largest rotation, turns."""
    turns: bool = True
    """Whether it looks where it goes."""

    def pose(self, time: float, camera: Vector, shutter: float) -> Pose:
        """Pose in a frame whose camera is moved by `camera` pixels and exposes `shutter` frames."""
        (x0, y0), (x1, y1) = self.path.at(time - 0.5), self.path.at(time + 0.5)
        x, y = self.path.at(time)
        wave = sine(time / self.path.period[1] + self.path.phase[0])
        return Pose(
            position=(x - camera[0], y - camera[1]),
            scale=self.radius * (1.0 + self.breath * wave),
            angle=self.tilt * sine(time / self.path.period[0] + self.path.phase[1]),
            facing=_facing(4.0 * (x1 - x0) / self.radius) if self.turns else 1.0,
            cycle=time * self.look.pace,
            travel=(shutter * (x1 - x0), shutter * (y1 - y0)),
        )


def _facing(pace: float) -> float:
    """Width factor of a body that moves `pace`: it turns round by way of a narrow front view."""
    width = 0.4 + 0.6 * min(abs(pace), 1.0)
    return width if pace >= 0 else -width


@dataclass(frozen=True)
class Camera:
    """Slow pan plus a faint shake of the hand; returns to where it was."""

    swing: Vector
    period: Vector
    phase: Vector
    shake: float

    def at(self, time: float) -> Vector:
        """Pixels the picture is moved by at a time in frames, x then y."""
        x = self.swing[0] * sine(time / self.period[0] + self.phase[0])
        y = self.swing[1] * sine(time / self.period[1] + self.phase[1])
        return x + self.shake * sine(time / 7.3), y + self.shake * sine(time / 5.9 + 0.3)

    def reach(self) -> Vector:
        """Largest distance from rest in either direction, pixels, x then y."""
        return abs(self.swing[0]) + abs(self.shake), abs(self.swing[1]) + abs(self.shake)
