"""What one body does that a sentence can tell, in about 24 frames.

Each act takes the draw, the stage, the body's radius and half length, and the level it moves on
(all in pixels), and gives a path.
"""

from collections.abc import Callable

from pvuw.sample.actors import Path
from pvuw.sample.exact import TURN, Draw
from pvuw.sample.paths import RUN, Stage

Act = Callable[[Draw, Stage, float, float, float], Path]


def _walk(start: float, end: float, level: float, *, begin: float, frames: float) -> Path:
    """Return a path from one place to another that rests before and after."""
    return Path(
        (end, level), entry_offset=(start - end, 0.0), entry_start=begin, entry_frames=frames
    )


def _frames(way: float, radius: float, at_least: float) -> float:
    """Frames a walk takes that nowhere breaks the speed limit: 1.5 times its mean speed at most."""
    return max(at_least, 1.5 * abs(way) / (RUN * radius))


def _ends(draw: Draw, stage: Stage) -> tuple[float, float]:
    """Two places well apart, in either order."""
    way = draw.uniform(0.28, 0.5) * stage.width
    left = draw.uniform(0.1 * stage.width, 0.9 * stage.width - way)
    return (left, left + way) if draw.chance(0.5) else (left + way, left)


def _stand(draw: Draw, stage: Stage, radius: float, reach: float, level: float) -> Path:
    return Path((draw.uniform(0.14, 0.86) * stage.width, level))


def _go(draw: Draw, stage: Stage, radius: float, reach: float, level: float) -> Path:
    start, end = _ends(draw, stage)
    return _walk(start, end, level, begin=-4.0, frames=_frames(end - start, radius, 32.0))


def _climb(draw: Draw, stage: Stage, radius: float, reach: float, level: float) -> Path:
    x, low, high = draw.uniform(0.14, 0.86) * stage.width, 0.82 * stage.height, 0.3 * stage.height
    start, end = (low, high) if draw.chance(0.5) else (high, low)
    frames = _frames(end - start, radius, 32.0)
    return Path((x, end), entry_offset=(0.0, start - end), entry_start=-4.0, entry_frames=frames)


def _stop(draw: Draw, stage: Stage, radius: float, reach: float, level: float) -> Path:
    start, end = _ends(draw, stage)
    begin = draw.uniform(-5.0, -3.0)
    return _walk(start, end, level, begin=begin, frames=_frames(end - start, radius, 16.0))


def _set_off(draw: Draw, stage: Stage, radius: float, reach: float, level: float) -> Path:
    start, end = _ends(draw, stage)
    begin = draw.uniform(8.0, 11.0)
    return _walk(start, end, level, begin=begin, frames=_frames(end - start, radius, 18.0))


def _turn(draw: Draw, stage: Stage, radius: float, reach: float, level: float) -> Path:
    swing = draw.uniform(0.11, 0.16) * stage.width
    period = max(draw.uniform(32.0, 40.0), TURN * swing / (RUN * radius))
    phase = 0.25 - draw.uniform(10.0, 13.0) / period  # it turns in the middle of the video
    center = (draw.uniform(0.3, 0.7) * stage.width, level)
    return Path(center, (draw.sign() * swing, 0.0), (period, 60.0), (phase, 0.0))


def _outside(draw: Draw, stage: Stage, reach: float) -> tuple[float, float]:
    """A place outside the frame and one inside, on one side."""
    inside, beyond = draw.uniform(0.22, 0.4) * stage.width, 1.3 * reach + stage.margin[0]
    if draw.chance(0.5):
        return -beyond, inside
    return stage.width + beyond, stage.width - inside


def _leave(draw: Draw, stage: Stage, radius: float, reach: float, level: float) -> Path:
    out, home = _outside(draw, stage, reach)
    begin = draw.uniform(-2.0, 2.0)
    return _walk(home, out, level, begin=begin, frames=_frames(out - home, radius, 16.0))


def _arrive(draw: Draw, stage: Stage, radius: float, reach: float, level: float) -> Path:
    out, home = _outside(draw, stage, reach)
    begin = draw.uniform(1.0, 4.0)
    return _walk(out, home, level, begin=begin, frames=_frames(out - home, radius, 16.0))


def _come_back(draw: Draw, stage: Stage, radius: float, reach: float, level: float) -> Path:
    side = draw.sign()
    home = draw.uniform(0.08, 0.12) * stage.width + reach
    swing = 1.15 * (home + reach + stage.margin[0])
    period = max(draw.uniform(30.0, 34.0), TURN * swing / (1.2 * RUN * radius))
    phase = 0.25 - draw.uniform(10.0, 12.0) / period  # it is farthest in the middle of the video
    center = (home if side < 0 else stage.width - home, level)
    return Path(center, (side * swing, 0.0), (period, 60.0), (phase, 0.0))


ACTS: dict[str, Act] = {
    "stand": _stand,
    "stand too": _stand,
    "go": _go,
    "go too": _go,
    "climb": _climb,
    "stop": _stop,
    "set off": _set_off,
    "turn": _turn,
    "leave": _leave,
    "arrive": _arrive,
    "come back": _come_back,
}
"""The acts by name; a scene has each at most once."""
