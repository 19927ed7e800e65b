"""What is known of the bodies of a video: their looks, and where each is in every frame."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pvuw.sample.actors import Described
from pvuw.sample.truth import Drawn

_MIN_AREA, _MIN_SHARE = 10, 0.25
"""Pixels, and share of its largest size, that a body shows in the frames that count."""


@dataclass(frozen=True, eq=False)
class Thing:
    """One body over all frames."""

    object_id: int
    """0 for one that is not annotated: a sentence must not mean it."""
    number: int
    """Column of this body in `covered` of the others."""
    described: Described
    colored: bool
    """Whether the picture shows colours."""
    size_hw: tuple[int, int]
    at: NDArray[np.float64]
    """Pixels, x and y of its middle, `[T, 2]`; goes on outside of the frame."""
    whole: NDArray[np.int64]
    """Pixels inside the frame, seen or covered, `[T]`."""
    covered: NDArray[np.int64]
    """Pixels of it that show each actor, `[T, 1 + actors]`; with those that show itself."""
    cut: NDArray[np.bool_]
    """Whether it touches the frame's border, `[T]`."""

    @property
    def unit(self) -> float:
        """What distances are measured by: the square root of the frame's area, pixels."""
        return math.sqrt(self.size_hw[0] * self.size_hw[1])

    @property
    def area(self) -> NDArray[np.int64]:
        """Pixels that are seen, `[T]`."""
        return self.covered[:, self.number]

    @cached_property
    def seen(self) -> NDArray[np.bool_]:
        """Frames that show enough of it to say where it is, `[T]`."""
        return self.area >= max(_MIN_AREA, _MIN_SHARE * int(self.whole.max()))

    @cached_property
    def largest(self) -> int:
        """Pixels where it is largest."""
        return int(self.whole.max())


class FactLog:
    """Collects facts frame by frame; memory grows by a few numbers for each.

    Args:
        size_hw: Size of the frames.
        colored: Whether they show colours.
    """

    def __init__(self, size_hw: tuple[int, int], *, colored: bool = True) -> None:
        self._size_hw = size_hw
        self._colored = colored
        self._actors: list[tuple[int, Described | None]] = []
        self._at: list[list[tuple[float, float]]] = []
        self._covered: list[list[NDArray[np.int64]]] = []
        self._cut: list[list[bool]] = []

    def add(self, drawn: Sequence[Drawn]) -> None:
        """Take the next frame: the same actors each time, back to front."""
        self._actors = [(one.actor.object_id, one.actor.look.described) for one in drawn]
        front = np.zeros(self._size_hw, np.uint8)
        for number, one in enumerate(drawn, start=1):
            if one.layer is not None:
                top, left, bottom, right = one.layer.box
                front[top:bottom, left:right][one.layer.mask] = number
        self._at.append([one.pose.position for one in drawn])
        self._covered.append([_shown(one, front, len(drawn)) for one in drawn])
        self._cut.append([_is_cut(one, self._size_hw) for one in drawn])

    def things(self) -> list[Thing]:
        """Return all bodies that some frame shows, annotated or not, by object id."""
        at, cut = np.array(self._at), np.array(self._cut)
        covered = np.array(self._covered)  # [T, actors, 1 + actors]
        things = [
            Thing(
                object_id=object_id,
                number=number + 1,
                described=described,
                colored=self._colored,
                size_hw=self._size_hw,
                at=at[:, number],
                whole=covered[:, number].sum(axis=1),
                covered=covered[:, number],
                cut=cut[:, number],
            )
            for number, (object_id, described) in enumerate(self._actors)
            if described is not None
        ]
        seen = [thing for thing in things if thing.area.any()]
        return sorted(seen, key=lambda thing: thing.object_id)


def _shown(one: Drawn, front: NDArray[np.uint8], actors: int) -> NDArray[np.int64]:
    """Pixels of one that show each actor, `[1 + actors]`."""
    if one.layer is None:
        return np.zeros(1 + actors, np.int64)
    top, left, bottom, right = one.layer.box
    return np.bincount(front[top:bottom, left:right][one.layer.mask], minlength=1 + actors)


def _is_cut(one: Drawn, size_hw: tuple[int, int]) -> bool:
    if one.layer is None:
        return False
    top, left, bottom, right = one.layer.box
    mask = one.layer.mask
    return bool(
        (top == 0 and mask[0].any())
        or (left == 0 and mask[:, 0].any())
        or (bottom == size_hw[0] and mask[-1].any())
        or (right == size_hw[1] and mask[:, -1].any())
    )
