"""Perceptual hashes of frames: equal for copies of a frame, whatever its size and compression."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pvuw.sources.keys import VideoKey
from pvuw.traits.pixels import read_reduced

HASH_VERSION = 1
"""Raised whenever a hash would change: cached hashes of another version are made again."""
HASH_BYTES = 32
MAX_HASHED_FRAMES = 256
_SIDE = 64
_BAND = 16
_FLAT_DEVIATION = 4.0


@dataclass(frozen=True, slots=True)
class VideoHashes:
    """Hashes of the frames of one video."""

    key: VideoKey
    positions: tuple[int, ...]
    """Position in the video of each hashed frame, ascending, length `F`."""
    hashes: NDArray[np.uint8]
    """One row of 256 bits per frame, uint8 `[F, 32]`."""


def frame_hash(grey: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Return 256 bits that say what a frame looks like, uint8 `[32]`; None for a flat frame.

    The frame is averaged down to 64 x 64 and transformed by a DCT; each of the 16 x 16 lowest
    frequencies gives one bit, whether it is above their median. Bits go along the anti-diagonals,
    lowest frequency first; the constant term is always 0, so brightness does not matter. It is the
    "pHash" of Zauner (2010) with four times the bits, which tells static cameras apart far better.

    A frame whose grey values deviate by less than 4 from their mean (black, faded out) has no hash:
    all such frames would match each other.

    Args:
        grey: uint8 `[H, W]`, at least 64 x 64 for a hash that means much.

    Example:
        >>> grey = np.random.default_rng(0).integers(0, 128, (96, 96), dtype=np.uint8)
        >>> one, brighter = frame_hash(grey), frame_hash(grey + np.uint8(60))
        >>> hamming(one[None], brighter[None]).tolist()
        [[0]]
        >>> frame_hash(np.zeros((64, 64), dtype=np.uint8)) is None
        True
    """
    small = cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    if small.std() < _FLAT_DEVIATION:
        return None
    frequencies = cv2.dct(small)[:_BAND, :_BAND].ravel()[_ZIGZAG]
    bits = frequencies > np.median(frequencies[1:])
    bits[0] = False
    return np.packbits(bits)


def hash_frames(key: VideoKey, paths: Sequence[Path]) -> VideoHashes:
    """Return the hashes of a video's frames: all of them up to 256, else 256 evenly spread.

    All of them, because a copy at another frame rate shares only some frames, and a frame a moment
    later can already look different.

    Raises:
        DataError: If a frame cannot be read.
    """
    count = min(len(paths), MAX_HASHED_FRAMES)
    positions, rows = [], []
    for position in np.linspace(0, len(paths) - 1, count).round().astype(int).tolist():
        row = frame_hash(read_reduced(paths[position], "L", min_side=2 * _SIDE))
        if row is not None:
            positions.append(position)
            rows.append(row)
    hashes = np.array(rows, dtype=np.uint8).reshape(-1, HASH_BYTES)
    return VideoHashes(key, tuple(positions), hashes)


def hamming(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return how many bits differ between hashes, int64 `[F, G]`.

    Args:
        first: uint8 `[F, 32]`.
        second: uint8 `[G, 32]`.

    Example:
        >>> hamming(np.zeros((1, 32), np.uint8), np.full((1, 32), 3, np.uint8)).tolist()
        [[64]]
    """
    words = first.view(np.uint64)[:, None] ^ second.view(np.uint64)[None]
    counts: NDArray[np.int64] = np.bitwise_count(words).sum(axis=-1, dtype=np.int64)
    return counts


def _zigzag() -> NDArray[np.int64]:
    cells = sorted(
        ((row, column) for row in range(_BAND) for column in range(_BAND)),
        key=lambda cell: (sum(cell), cell),
    )
    return np.array([row * _BAND + column for row, column in cells], dtype=np.int64)


_ZIGZAG = _zigzag()
