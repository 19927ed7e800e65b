"""Roles in a scene: paths that cross, hide, leave, come late or just wander."""

from dataclasses import dataclass, replace

from pvuw.sample.actors import Look, Path, Vector
from pvuw.sample.exact import TURN, Draw

STROLL, RUN = 0.28, 0.8
"""Body units per frame at the fastest point of a path, at most; a body is about two units long."""


@dataclass(frozen=True)
class Stage:
    """The frame as paths see it."""

    height: int
    width: int
    unit: float
    """Square root of the frame's area, pixels: what sizes are measured by."""
    margin: Vector
    """Pixels the camera may pan to either side, x then y."""


def _period(draw: Draw, low: float, high: float, *, way: float, speed: float) -> float:
    """Frames per cycle in `low..high`, more where the swing `way` would break the speed limit."""
    return max(draw.uniform(low, high), TURN * way / speed)


def wander(draw: Draw, stage: Stage, radius: float, home: Vector) -> Path:
    """Return a path round about a place."""
    swing_x = draw.uniform(0.06, 0.18) * stage.width
    swing_y = draw.uniform(0.03, 0.08) * stage.height
    return Path(
        center=home,
        swing=(swing_x, swing_y),
        period=(
            _period(draw, 40.0, 72.0, way=swing_x, speed=STROLL * radius),
            _period(draw, 32.0, 64.0, way=swing_y, speed=STROLL * radius),
        ),
        phase=(draw.uniform(0.0, 1.0), draw.uniform(0.0, 1.0)),
    )


def cross(draw: Draw, stage: Stage, radius: float) -> tuple[Path, Path]:
    """Return two paths that meet in the middle a few frames from the start, again and again."""
    center = (draw.uniform(0.4, 0.6) * stage.width, draw.uniform(0.35, 0.7) * stage.height)
    swing = draw.uniform(0.12, 0.2) * stage.width
    period = _period(draw, 40.0, 60.0, way=swing, speed=0.6 * radius)
    first = Path(
        center=center,
        swing=(swing, draw.uniform(0.0, 0.3) * radius),
        period=(period, draw.uniform(20.0, 30.0)),
        phase=(draw.uniform(0.68, 0.82), draw.uniform(0.0, 1.0)),
    )
    lower = draw.uniform(0.1, 0.4) * radius
    phase = (draw.uniform(0.18, 0.32), draw.uniform(0.0, 1.0))
    return first, replace(first, center=(center[0], center[1] + lower), phase=phase)


def hide(draw: Draw, stage: Stage, radius: float, look: Look) -> tuple[Path, Vector, Vector]:
    """Return a path that passes behind something, and that thing's place and half size.

    The cover is wide enough to hide the whole body for a few frames of every pass.
    """
    speed = draw.uniform(0.28, 0.45) * radius
    half_body = 1.1 * look.footing()[0] * radius
    half_cover = half_body + speed * draw.uniform(1.0, 2.4)
    swing = 1.6 * (half_cover + half_body)
    sway = 0.1 * radius
    center = (draw.uniform(0.3, 0.7) * stage.width, draw.uniform(0.4, 0.65) * stage.height)
    path = Path(
        center=center,
        swing=(draw.sign() * swing, sway),
        period=(TURN * swing / speed, draw.uniform(20.0, 30.0)),
        phase=(draw.uniform(0.35, 0.38), draw.uniform(0.0, 1.0)),
    )
    return path, center, (half_cover, 1.6 * (look.extent()[1] * radius + sway))


def leave(draw: Draw, stage: Stage, radius: float, look: Look) -> Path:
    """Return a path that runs out of the frame on one side and comes back."""
    side = draw.sign()
    half_body = look.extent()[0] * radius
    center = (stage.width * (0.5 + side * draw.uniform(0.26, 0.36)), _level(draw, stage))
    edge = stage.width if side > 0 else 0.0
    swing = 1.2 * (abs(edge - center[0]) + half_body + stage.margin[0])
    return Path(
        center=center,
        swing=(side * swing, draw.uniform(0.0, 0.06) * stage.height),
        period=(
            _period(draw, 36.0, 48.0, way=swing, speed=RUN * radius),
            draw.uniform(24.0, 40.0),
        ),
        phase=(draw.uniform(-0.06, 0.06), draw.uniform(0.0, 1.0)),
    )


def come_late(draw: Draw, stage: Stage, radius: float, look: Look) -> Path:
    """Return a wandering path whose start is outside the frame for the first frames."""
    home = (draw.uniform(0.3, 0.7) * stage.width, _level(draw, stage))
    path = wander(draw, stage, radius, home)
    way = stage.width + look.extent()[0] * radius + stage.margin[0]
    return replace(
        path,
        entry_offset=(draw.sign() * way, 0.0),
        entry_start=draw.uniform(0.0, 5.0),
        entry_frames=max(16.0, 1.5 * way / (RUN * radius)),
    )


def _level(draw: Draw, stage: Stage) -> float:
    return draw.uniform(0.25, 0.8) * stage.height
