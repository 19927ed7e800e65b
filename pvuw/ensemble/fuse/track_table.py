"""How many pixels members agree and differ on, over a whole video, in a few numbers a frame."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pvuw.ensemble.fuse.combinations import Combinations

MAX_BINS = 512
"""Stretches of time that are told apart; a frame each in videos that are not longer."""

Array = NDArray[np.float64]


class TrackCounter:
    """Gathers, frame by frame, how many pixels members agree and differ on; no pixels are kept.

    Args:
        num_frames: Length of the video.
        num_members: Members, `M`.
    """

    def __init__(self, num_frames: int, num_members: int) -> None:
        self.num_frames = num_frames
        self.num_members = num_members
        self.num_bins = min(num_frames, MAX_BINS)
        self._bins: list[dict[bytes, int]] = [{} for _ in range(self.num_bins)]

    def add(self, position: int, combinations: Combinations) -> None:
        """Count a frame's pixels, in any order of frames."""
        table = self._bins[bin_of(position, self.num_frames)]
        counted = zip(combinations.labels, combinations.counts.tolist(), strict=True)
        for labels, count in counted:
            key = labels.tobytes()
            table[key] = table.get(key, 0) + count

    def table(self) -> "TrackTable":
        """Return everything counted so far."""
        rows = [(b, key, n) for b, table in enumerate(self._bins) for key, n in table.items()]
        labels = np.frombuffer(b"".join(key for _, key, _ in rows), dtype=np.int16)
        labels = labels.reshape(len(rows), self.num_members)
        ids = np.unique(labels[labels > 0]).tolist()
        # Slots: 0 background, 1..K objects in ascending order of their ids, -1 no opinion.
        slots = np.where(labels > 0, np.searchsorted(ids, labels) + 1, labels).astype(np.intp)
        return TrackTable(
            object_ids=ids,
            num_bins=self.num_bins,
            bins=np.array([b for b, _, _ in rows], dtype=np.intp),
            slots=slots,
            counts=np.array([n for _, _, n in rows], dtype=np.float64),
        )


def bin_of(position: int, num_frames: int) -> int:
    """Return the stretch of time that a frame belongs to.

    Example:
        >>> bin_of(7, 100), bin_of(1023, 1024)
        (7, 511)
    """
    return position * min(num_frames, MAX_BINS) // num_frames


@dataclass
class TrackTable:
    """A video as `R` rows: so many pixels in that stretch of time on which members say this."""

    object_ids: list[int]
    """File id of each object, ascending, length `K`."""
    num_bins: int
    """Stretches of time, `B`."""
    bins: NDArray[np.intp]
    """Stretch of each row, `[R]`."""
    slots: NDArray[np.intp]
    """What each member says, `[R, M]`: 0 background, 1..K an object, -1 no opinion."""
    counts: Array
    """Pixels of each row, `[R]`."""

    @property
    def num_objects(self) -> int:
        """Objects that any member ever shows, `K`."""
        return len(self.object_ids)

    @property
    def num_members(self) -> int:
        """Members, `M`."""
        return int(self.slots.shape[1])

    def overlaps(self, a: NDArray[np.intp], b: NDArray[np.intp]) -> Array:
        """IoU over time of each object of one labelling with each of another, `[B, K, K]`.

        Args:
            a: Slot of each row, `[R]`; rows where either has no opinion do not count.
            b: Another one.

        Returns:
            0 where both are empty.
        """
        size = self.num_objects + 1
        both = (a >= 0) & (b >= 0)
        place = (self.bins[both] * size + a[both]) * size + b[both]
        flat = np.bincount(place, self.counts[both], self.num_bins * size * size)
        pixels = flat.reshape(self.num_bins, size, size).astype(np.float64)
        union = pixels.sum(2)[:, 1:, None] + pixels.sum(1)[:, None, 1:]
        inside = pixels[:, 1:, 1:]
        iou: Array = inside / np.maximum(union - inside, 1.0)
        return iou
