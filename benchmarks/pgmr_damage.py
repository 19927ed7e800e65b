"""Five ways to spoil true masks as networks do, how much of each depending on the video.

A failure is an event of the video: an object, a time and a difficulty. Members are hit by it if
they are weak at its kind, and fail the same way: what distracts one tracker distracts others.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from pvuw.traits.appearance import ColourAndTexture, masks_at_size

IdMaps = NDArray[np.uint8]
KINDS = ("drift", "swap", "lost", "coarse", "merged")
MEMBERS = ("drifter", "swapper", "loser", "blurrer", "merger")
"""Each is worst at the kind of its place in `KINDS`."""
_LADDER = (1.0, 0.7, 0.5, 0.2, 0.1)
WEAKNESS = np.array([np.roll(_LADDER, row) for row in range(len(MEMBERS))])
"""Chance of each member to fail at the worst event of each kind, `[member, kind]`: all members are
as weak in sum, and each kind of failure hits three of five often and two rarely."""
Strengths = Literal["own", "ahead", "dominant", "lot per event", "lot per video"]
"""Who is weak at what: each member at its own kind; the same, but the first one fails at two thirds
or at a third of the chance; or who has which chance is drawn by lot, for each event or for each
video and kind, so that nothing about a video tells who is weak in it."""
_OF_THE_FIRST = {"ahead": 2 / 3, "dominant": 1 / 3}
ALIKE = 0.85
"""Cosine of looks above which two objects can be mistaken for each other."""


@dataclass(frozen=True)
class Event:
    """Something in a video that makes trackers fail."""

    kind: str
    object_id: int
    start: int
    """Frame from which a member that is hit fails."""
    hardness: float
    """0..1, from the video itself."""
    other_id: int = 0
    """Whom the object is swapped with or merged into."""


def spoil(
    truth: IdMaps,
    frames: IdMaps,
    rng: np.random.Generator,
    *,
    shared: float,
    strengths: Strengths = "own",
) -> dict[str, IdMaps]:
    """Return the id maps of every member, `[T, H, W]` each, for the truth of one video.

    Args:
        truth: Id maps, uint8 `[T, H, W]`.
        frames: RGB uint8 `[T, H, W, 3]`.
        rng: Where the luck of the events comes from.
        shared: Share of events that hit all members by the same luck; the others hit each by its
            own. 1: who is weaker fails whenever a stronger one does. 0: failures are independent.
        strengths: Who is weak at what.
    """
    events = list(find_events(truth, frames))
    chances = [_chances(rng, shared) for _ in events]
    weak = _weak_at(events, rng, strengths)
    spoilt = {}
    for row, member in enumerate(MEMBERS):
        maps = truth.copy()
        for event, luck, weakness in zip(events, chances, weak, strict=True):
            if luck[row] < weakness[row] * event.hardness:
                maps = _apply(maps, truth, event)
        maps = _wobble(maps, rng)
        maps[0] = truth[0]  # the first frame's masks are given
        spoilt[member] = maps
    return spoilt


def _weak_at(
    events: Sequence[Event], rng: np.random.Generator, strengths: Strengths
) -> list[NDArray[np.float64]]:
    """Chance of each member at each event, before the event's hardness."""
    table = WEAKNESS.copy()
    table[0] *= _OF_THE_FIRST.get(strengths, 1.0)
    if strengths == "lot per video":
        table = rng.permuted(table, axis=0)  # each kind by a lot of its own
    columns = [table[:, KINDS.index(event.kind)] for event in events]
    if strengths == "lot per event":
        return [rng.permutation(column) for column in columns]
    return columns


def find_events(truth: IdMaps, frames: IdMaps) -> Iterator[Event]:
    """Yield what is hard about a video: by areas, distances and looks of its objects."""
    areas = np.stack([np.bincount(m.ravel(), minlength=256) for m in truth])  # [T, 256]
    ids = [int(i) for i in np.flatnonzero(areas[0]) if i]
    alike = _lookalikes(truth[0], frames[0])
    for object_id in ids:
        yield from _events_alone(areas[:, object_id] / truth[0].size, object_id)
        for other_id in ids:
            if other_id > object_id:
                yield from _events_of_pair(truth, (object_id, other_id), alike)


def _events_alone(area: NDArray[np.float64], object_id: int) -> Iterator[Event]:
    recent = np.array(
        [np.median(area[max(0, t - 6) : t]) if t > 1 else area[0] for t in range(len(area))]
    )
    left = np.where(recent > 0, area / np.maximum(recent, 1e-9), 1.0)
    worst = int(left[2:].argmin()) + 2
    if left[worst] < 0.6:
        yield Event("drift", object_id, worst, float(1 - left[worst]))
    size = float(np.median(area[area > 0]))
    if size < 0.012:
        yield Event("lost", object_id, len(area) // 3, min(1.0, 0.006 / size))
    # Edges are the more of an object the smaller it is.
    yield Event("coarse", object_id, 1, min(1.0, 0.35 + 0.02 / max(size, 0.002) / 4))


def _events_of_pair(
    truth: IdMaps, pair: tuple[int, int], alike: dict[tuple[int, int], float]
) -> Iterator[Event]:
    gaps = [_gap(id_map, pair) for id_map in truth]
    closest = int(np.argmin(gaps))
    if gaps[closest] > 0.12:
        return
    cosine = alike.get(pair, 0.0)
    if cosine > ALIKE:
        yield Event(
            "swap", pair[0], max(closest, 2), (cosine - ALIKE) / (1 - ALIKE) * 0.5 + 0.5, pair[1]
        )
    touching = float(np.mean(np.array(gaps) < 0.03))
    if touching > 0.15:
        yield Event("merged", pair[0], max(closest, 1), min(1.0, 2 * touching), pair[1])


def _gap(id_map: IdMaps, pair: tuple[int, int]) -> float:
    """Distance between two objects in frame diagonals; infinite where one is not seen."""
    first, second = id_map == pair[0], id_map == pair[1]
    if not (first.any() and second.any()):
        return float("inf")
    distance = cv2.distanceTransform((~first).astype(np.uint8), cv2.DIST_L2, 3)
    return float(distance[second].min()) / float(np.hypot(*id_map.shape))


def _lookalikes(id_map: IdMaps, frame: IdMaps) -> dict[tuple[int, int], float]:
    masks = masks_at_size(id_map, id_map.shape)
    rows = ColourAndTexture()(frame, masks)
    ids = list(masks)
    return {
        (ids[i], ids[j]): float(rows[i] @ rows[j])
        for i in range(len(ids))
        for j in range(i + 1, len(ids))
    }


def _chances(rng: np.random.Generator, shared: float) -> NDArray[np.float64]:
    common, own = rng.random(), rng.random(len(MEMBERS))
    return np.full(len(MEMBERS), common) if rng.random() < shared else own


def _apply(maps: IdMaps, truth: IdMaps, event: Event) -> IdMaps:
    maps = maps.copy()
    late = maps[event.start :]  # a view
    this, other = event.object_id, event.other_id
    if event.kind == "drift":
        _drift(late, truth[event.start - 1] == this, this)
    elif event.kind == "swap":
        swap = np.arange(256, dtype=np.uint8)
        swap[[this, other]] = other, this
        late[:] = swap[late]
    elif event.kind == "lost":
        late[late == this] = 0
    elif event.kind == "merged":
        big, small = _by_size(truth[0], this, other)
        late[late == small] = big
    else:
        late[:] = np.stack([_coarse(m, this, event.hardness) for m in late])
    return maps


def _drift(late: IdMaps, last_seen: NDArray[np.bool_], object_id: int) -> None:
    """Leave the object and slide on from where it was last seen, over background only."""
    height, width = last_seen.shape
    for step, id_map in enumerate(late):
        id_map[id_map == object_id] = 0
        left, down = 0.02 * width * (step + 1), 0.01 * height * (step + 1)
        way = np.array([[1, 0, -left], [0, 1, down]], dtype=np.float32)
        moved = cv2.warpAffine(last_seen.astype(np.uint8), way, (width, height)) > 0
        id_map[moved & (id_map == 0)] = object_id


def _by_size(id_map: IdMaps, this: int, other: int) -> tuple[int, int]:
    return (this, other) if (id_map == this).sum() >= (id_map == other).sum() else (other, this)


def _coarse(id_map: IdMaps, object_id: int, hardness: float) -> IdMaps:
    """Draw the object in blocks of some pixels, as a decoder of low resolution does."""
    height, width = id_map.shape
    block = 3 + 3 * hardness
    mask = (id_map == object_id).astype(np.float32)
    few = cv2.resize(
        mask, (round(width / block), round(height / block)), interpolation=cv2.INTER_AREA
    )
    grown = cv2.resize(few, (width, height), interpolation=cv2.INTER_NEAREST) > 0.35
    drawn = np.where(id_map == object_id, np.uint8(0), id_map)
    drawn[grown & (drawn == 0)] = object_id
    return drawn


def _wobble(maps: IdMaps, rng: np.random.Generator) -> IdMaps:
    """Shift single frames by up to a pixel: no network draws the true outline."""
    return np.stack([np.roll(m, tuple(rng.integers(-1, 2, 2)), axis=(0, 1)) for m in maps])
