"""Random draws and waves that give the same bits on every machine.

The sample data must be identical for a seed wherever it is made, so nothing in `pvuw.sample` calls
libm or BLAS or sums floats in an order somebody else chooses. Only integer operations and the
correctly rounded ones of IEEE 754 (add, multiply, divide, square root) decide a pixel, each as a
NumPy or Python operation of its own, which leaves a compiler no room for fused multiply-adds.
The draws use `numpy.random.RandomState`, whose stream NumPy has frozen, and of that only
`random_sample` and `randint`: its `uniform` computes `low + range * x` in C, which some compilers
fuse, and `normal` calls the logarithm.
"""

import math
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Item = TypeVar("Item")
Turns = TypeVar("Turns", float, NDArray[np.float32])

TURN = 6.283185307179586
"""Radians per turn: the peak slope of `sine` per unit of its argument (within 1 %)."""


def sine(turns: Turns) -> Turns:
    """Sine of an angle in turns, within 0.0011 of the true value, by two parabolas.

    Example:
        >>> [round(sine(x), 3) for x in (0.0, 0.25, 0.5, 0.625, 7.75)]
        [0.0, 1.0, 0.0, -0.708, -1.0]
    """
    floor = math.floor(turns) if isinstance(turns, float) else np.floor(turns)
    centred = 2.0 * (turns - floor) - 1.0  # -1..1, where the sine of -centred half turns is wanted
    parabola = 4.0 * centred * (abs(centred) - 1.0)
    result: Turns = parabola + 0.225 * (parabola * abs(parabola) - parabola)
    return result


def ease(x: float) -> float:
    """Smooth step from 0 at `x <= 0` to 1 at `x >= 1` with zero slope at both ends.

    Example:
        >>> ease(-1.0), ease(0.5), ease(3.0)
        (0.0, 0.5, 1.0)
    """
    clamped = min(max(x, 0.0), 1.0)
    return clamped * clamped * (3.0 - 2.0 * clamped)


class Draw:
    """Random draws of one scene.

    Args:
        seed: Any of the 2**32 seeds of `RandomState`.
    """

    def __init__(self, seed: int) -> None:
        self._state = np.random.RandomState(seed)

    def uniform(self, low: float, high: float) -> float:
        """Return a float in `low..high`."""
        return low + (high - low) * float(self._state.random_sample())

    def integer(self, low: int, high: int) -> int:
        """Return an integer in `low..high`, both included."""
        return int(self._state.randint(low, high + 1))

    def chance(self, probability: float) -> bool:
        """Return True with the given probability."""
        return float(self._state.random_sample()) < probability

    def sign(self) -> float:
        """Return -1.0 or 1.0."""
        return 1.0 if self.chance(0.5) else -1.0

    def pick(self, items: Sequence[Item]) -> Item:
        """Return one of the items."""
        return items[self.integer(0, len(items) - 1)]

    def shuffled(self, items: Sequence[Item]) -> list[Item]:
        """Return the items in random order."""
        rest = list(items)
        return [rest.pop(self.integer(0, len(rest) - 1)) for _ in items]

    def grid(self, rows: int, cols: int) -> NDArray[np.float32]:
        """Return floats in 0..1 in steps of 1/255, float32 `[rows, cols]`."""
        return self._state.randint(0, 256, size=(rows, cols)).astype(np.float32) / np.float32(255)
