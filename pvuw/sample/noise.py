"""Smooth noise and the repeating patterns objects are covered with."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pvuw.sample.exact import Draw, sine

FloatArray = NDArray[np.float32]

TILE = 128
"""Edge of a texture tile in texels; a power of two so that an index wraps with one `&`."""


def value_noise(draw: Draw, size_hw: tuple[int, int], cell: int) -> FloatArray:
    """Return noise in 0..1 that varies over `cell` pixels, float32 `[H, W]`.

    Where both edges are multiples of `cell` the result repeats without a seam.
    """
    grid = draw.grid(-(-size_hw[0] // cell), -(-size_hw[1] // cell))
    return _stretch(_stretch(grid, size_hw[0], cell).T, size_hw[1], cell).T


def _stretch(grid: FloatArray, length: int, cell: int) -> FloatArray:
    """Interpolate the rows of a grid to `length` rows, `cell` apart, float32 `[length, C]`."""
    position = np.arange(length, dtype=np.int64)
    below = position // cell
    part = (position % cell).astype(np.float32) / np.float32(cell)
    weight = (part * part * (3.0 - 2.0 * part))[:, None]
    start = grid[below]
    stretched: FloatArray = start + weight * (grid[(below + 1) % len(grid)] - start)
    return stretched


def cloud(draw: Draw, size_hw: tuple[int, int], cells: tuple[int, ...]) -> FloatArray:
    """Return the sum of noises, each half as strong as the one before, in 0..1."""
    total = np.zeros(size_hw, np.float32)
    weight, sum_of_weights = 1.0, 0.0
    for cell in cells:
        total += weight * value_noise(draw, size_hw, cell)
        sum_of_weights += weight
        weight *= 0.5
    return total / np.float32(sum_of_weights)


def harden(noise: FloatArray, threshold: float, steepness: float) -> FloatArray:
    """Return noise turned into patches of 0 and 1 with soft borders."""
    patches: FloatArray = np.clip((noise - threshold) * steepness + 0.5, 0.0, 1.0)
    return patches


def _plain(draw: Draw) -> FloatArray:
    return cloud(draw, (TILE, TILE), (16, 4, 2))


def _patches(draw: Draw) -> FloatArray:
    return harden(cloud(draw, (TILE, TILE), (32, 8)), draw.uniform(0.45, 0.58), 14.0)


def _spots(draw: Draw) -> FloatArray:
    return harden(value_noise(draw, (TILE, TILE), 8), draw.uniform(0.6, 0.7), 8.0)


def _stripes(draw: Draw) -> FloatArray:
    across = np.arange(TILE, dtype=np.float32)[None] * np.float32(draw.pick((4, 6, 8)) / TILE)
    wave = sine(across + 0.7 * value_noise(draw, (TILE, TILE), 16))
    return harden(0.5 + 0.5 * wave, 0.5, 3.0)


def _rings(draw: Draw) -> FloatArray:
    bands = 3.0 * cloud(draw, (TILE, TILE), (32, 16))
    return harden(0.5 + 0.5 * sine(bands), 0.5, 3.0)


PATTERNS: dict[str, Callable[[Draw], FloatArray]] = {
    "plain": _plain,
    "patches": _patches,
    "spots": _spots,
    "stripes": _stripes,
    "rings": _rings,
}


def pattern(draw: Draw, name: str) -> FloatArray:
    """Return a pattern in 0..1 that repeats without a seam, float32 `[TILE, TILE]`."""
    grain = 0.15 * value_noise(draw, (TILE, TILE), 2)
    return 0.85 * PATTERNS[name](draw) + grain
