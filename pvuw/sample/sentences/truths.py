"""What holds of a body: True, False, or None where a viewer might say either.

The two thresholds of each statement lie apart, so that what is called true is plainly so, what is
called false plainly not, and a body in between keeps a sentence from being said at all. Distances
are fractions of the square root of the frame's area.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pvuw.sample.sentences.facts import Thing
from pvuw.sample.species import COLORS

Truth = bool | None
Others = Sequence[Thing]
"""Whom a statement compares with; empty for one about the body alone."""
_Array = NDArray[np.float64]

X, Y = 0, 1
_FAR, _SWING, _SLIGHT, _REST = 0.18, 0.12, 0.05, 0.015
"""Distance that is a clear move; half of a turn; what may pass for a wobble; what is no move."""
_APART = 0.1
"""Distance that puts one body clearly on one side of another."""
_TIMES, _FASTER = 1.5, 1.7
"""How many times as large, or as fast, as all others."""


def _truth(yes: object, no: object) -> Truth:
    """Return True or False where only that one is clear."""
    return None if bool(yes) == bool(no) else bool(yes)


def all_of(truths: Sequence[Truth]) -> Truth:
    """Return whether all hold: False if one does not, else None if one is unclear."""
    if False in truths:
        return False
    return None if None in truths else True


# ---- looks -------------------------------------------------------------------------------------


def has_color(thing: Thing, others: Others, *, name: str) -> Truth:
    """Whether its coat has a colour of `COLORS`; unclear in grey pictures."""
    if not thing.colored:
        return None
    hue, saturation, _ = COLORS[name]
    looks = thing.described
    if saturation < 0.1:
        return _truth(looks.saturation <= 0.1 and looks.value >= 0.85, looks.saturation >= 0.35)
    apart = abs((looks.hue - hue + 0.5) % 1.0 - 0.5)
    vivid = looks.saturation >= 0.45 and looks.value >= 0.5
    return _truth(vivid and apart <= 0.035, looks.saturation <= 0.1 or (vivid and apart >= 0.08))


def has_surface(thing: Thing, others: Others, *, name: str) -> Truth:
    """Whether it is plain, has spots or stripes; other patterns are none of these for sure."""
    surface = thing.described.surface
    return surface == name if surface in ("plain", "spots", "stripes") else None


def is_larger(thing: Thing, others: Others, *, sign: int) -> Truth:
    """Whether it is much larger (smaller for `sign` -1) than each of the others."""
    if not others:
        return None
    ratios = [(thing.largest / other.largest) ** sign for other in others]
    return _truth(min(ratios) >= _TIMES, min(ratios) <= 1.0 / _TIMES)


# ---- place -------------------------------------------------------------------------------------


def is_beside(thing: Thing, others: Others, *, axis: int, sign: int) -> Truth:
    """Whether it is right of (left of for `sign` -1; below, above) all others all the time."""
    truths = []
    for other in others:
        both = thing.seen & other.seen
        gap = sign * (thing.at - other.at)[both, axis] / thing.unit
        known = len(gap) >= max(4, len(both) // 2)
        yes, no = known and gap.min() >= _APART, known and gap.max() <= -_APART
        truths.append(_truth(yes, no))
    return all_of(truths) if truths else None


def is_in_half(thing: Thing, others: Others, *, axis: int, sign: int) -> Truth:
    """Whether it is in one half of the picture all the time."""
    length = thing.size_hw[1 - axis]
    off = sign * (thing.at[thing.seen, axis] / length - 0.5)
    known = len(off) >= 4
    return _truth(known and off.min() >= 0.07, known and off.max() <= -0.07)


# ---- motion ------------------------------------------------------------------------------------


def _track(thing: Thing) -> _Array | None:
    """Positions in the frames that show it, `[n, 2]`; None where these are too few to tell."""
    track = thing.at[thing.seen] / thing.unit
    return track if len(track) >= max(4, len(thing.seen) // 4) else None


def _rise(values: _Array) -> float:
    """Largest gain from one frame to any later one."""
    return float((values - np.minimum.accumulate(values)).max())


def _span(track: _Array) -> float:
    """Largest extent in x or y."""
    return float((track.max(axis=0) - track.min(axis=0)).max()) if len(track) else 0.0


def _outside(thing: Thing) -> NDArray[np.bool_]:
    """Frames in which no pixel of it is inside the frame."""
    return np.equal(thing.whole, 0)


def _away(thing: Thing) -> NDArray[np.bool_]:
    """Those between the first frame that shows it and the last."""
    shown = np.flatnonzero(thing.area)
    return _outside(thing)[shown[0] : shown[-1] + 1]


def moves(thing: Thing, others: Others, *, axis: int, sign: int) -> Truth:
    """Whether it moves one way along an axis, and no other way."""
    track = _track(thing)
    if track is None:
        return None
    along, across = sign * track[:, axis], track[:, 1 - axis]
    way = _rise(along)
    straight = _rise(-along) <= 0.5 * _SLIGHT and np.ptp(across) <= 0.5 * way
    return _truth(way >= _FAR and straight, way <= _SLIGHT)


def turns(thing: Thing, others: Others, *, sign: int) -> Truth:
    """Whether it moves right (left for `sign` -1) and then all the way back, once."""
    track = _track(thing)
    if track is None:
        return None
    along = sign * track[:, X]
    if min(_rise(along), _rise(-along)) <= _SLIGHT or _is_turn(thing, -along):
        return False
    return _truth(_is_turn(thing, along), no=False)


def turns_round(thing: Thing, others: Others) -> Truth:
    """Whether it turns in either direction."""
    both = [turns(thing, others, sign=sign) for sign in (1, -1)]
    if True in both:
        return True
    track = _track(thing)
    wobbles = track is None or min(_rise(track[:, Y]), _rise(-track[:, Y])) > _SLIGHT
    return None if wobbles or None in both else False


def _is_turn(thing: Thing, along: _Array) -> bool:
    """Whether values rise and then fall, far, with nothing else before or after."""
    top = int(along.argmax())
    there, back = along[: top + 1], along[top:]
    far = min(np.ptp(there), np.ptp(back)) >= _SWING
    steady = max(_rise(-there), _rise(back)) <= 0.5 * _SLIGHT
    return bool(far and steady and not _away(thing).any())


def is_still(thing: Thing, others: Others) -> Truth:
    """Whether it stays where it is."""
    if not thing.seen.any():
        return None
    span = _span(thing.at[thing.seen] / thing.unit)
    stays = 5 * thing.seen.sum() >= 4 * len(thing.seen) and not _outside(thing).any()
    return _truth(span <= _REST and stays, span >= 2 * _SLIGHT)


def _late(thing: Thing, values: NDArray[np.generic], backwards: bool) -> NDArray[np.generic]:
    """Values of the last quarter of the frames; of the first for `backwards`."""
    count = min(max(4, len(values) // 4), len(values))
    return values[:count] if backwards else values[-count:]


def comes_to_rest(thing: Thing, others: Others, *, backwards: bool = False) -> Truth:
    """Whether it moves and then stands; for `backwards` stands and then moves."""
    track = _track(thing)
    if track is None:
        return None
    if (_outside(thing)[0 if backwards else -1]) or _span(track) <= _REST:
        return False
    last = _late(thing, thing.seen, backwards)
    still = _late(thing, thing.at, backwards)[last] / thing.unit
    moving = _late(thing, thing.at, not backwards)[_late(thing, thing.seen, not backwards)]
    rests = last.all() and _span(still) <= 0.5 * _REST and _span(track) >= _FAR
    return _truth(
        rests and _span(moving / thing.unit) >= _SLIGHT,
        len(still) >= 2 and _span(still) >= _SLIGHT,
    )


def goes_away(thing: Thing, others: Others, *, backwards: bool = False) -> Truth:
    """Whether it leaves the frame for good; for `backwards` comes in, after the start."""
    step = -1 if backwards else 1
    outside, shown = _outside(thing)[::step], np.flatnonzero(thing.area[::step])
    left = outside[-2:].all() and not _away(thing).any()
    plain = thing.seen.sum() >= 4 and not thing.cut[thing.seen].all()
    ends_in_sight = thing.area[::step][-1] > 0  # behind something it might have gone, or not
    stays = ends_in_sight and not outside[shown[0] :].any() and not thing.cut[::step][-1]
    return _truth(left and plain, stays)


def returns(thing: Thing, others: Others) -> Truth:
    """Whether it leaves the frame and comes back."""
    away = _away(thing)
    gone = np.flatnonzero(_outside(thing) & (np.cumsum(thing.area > 0) > 0))
    halved = (thing.cut & (2 * thing.whole <= thing.largest)).any()
    if not away.any():
        return _truth(yes=False, no=not halved)
    before, after = thing.seen[: gone[0]].sum(), thing.seen[gone[0] :].sum()
    return _truth(away.sum() >= 2 and min(before, after) >= 3, no=False)


def is_hidden(thing: Thing, others: Others) -> Truth:
    """Whether something covers nearly all of it for a while."""
    hidden = 1.0 - thing.area / np.maximum(thing.whole, 1)
    hidden[thing.whole == 0] = 0.0
    deepest = int(np.where(thing.cut, 0.0, hidden).argmax())
    clear = thing.seen & (hidden <= 0.1)
    passes = clear[:deepest].any() and clear[deepest:].any() and not thing.cut[deepest]
    return _truth(hidden[deepest] >= 0.9 and passes, hidden.max() <= 0.08)


def passes_behind(thing: Thing, others: Others) -> Truth:
    """Whether it moves from one side of another to the other side, behind it."""
    (other,) = others
    return _passes(thing, other, thing.covered[:, other.number])


def passes_before(thing: Thing, others: Others) -> Truth:
    """Whether it moves from one side of another to the other side, in front of it."""
    (other,) = others
    return _passes(thing, other, other.covered[:, thing.number])


def _passes(thing: Thing, other: Thing, overlap: NDArray[np.int64]) -> Truth:
    share = overlap / np.maximum(np.minimum(thing.whole, other.whole), 1)
    both, track = thing.seen & other.seen, _track(thing)
    close = (abs(thing.at - other.at) / thing.unit < _SWING).all(axis=1)
    meet = overlap.any() or (close & (thing.whole > 0) & (other.whole > 0)).any()
    if track is None or both.sum() < 2:
        return _truth(yes=False, no=not meet)
    gap = (thing.at - other.at)[both, X] / thing.unit
    crosses = gap[0] * gap[-1] < 0 and min(abs(gap[0]), abs(gap[-1])) >= 0.5 * _SWING
    yes = share.max() >= 0.3 and crosses and np.ptp(track[:, X]) >= _FAR
    return _truth(yes, not meet)


def is_fastest(thing: Thing, others: Others) -> Truth:
    """Whether it moves much faster than each of the others."""
    speeds = [_speed(other) for other in others]
    own = _speed(thing)
    if not others or own is None or None in speeds:
        return None
    fastest = max(speed for speed in speeds if speed is not None)
    yes = own >= max(0.012, _FASTER * fastest)
    return _truth(yes, fastest >= max(0.012, _FASTER * own))


def _speed(thing: Thing) -> float | None:
    """Mean way from one frame to the next while it is seen."""
    known = thing.seen[1:] & thing.seen[:-1]
    if known.sum() < 3:
        return None
    step = np.diff(thing.at, axis=0)[known] / thing.unit
    # Not NumPy's sum, whose order is the machine's own.
    return math.fsum(math.sqrt(x * x + y * y) for x, y in step.tolist()) / int(known.sum())
