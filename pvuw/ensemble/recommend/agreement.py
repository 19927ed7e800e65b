"""How far a member's masks agree with the pseudo-label; constant memory."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pvuw.ensemble.fuse.pixels import differing
from pvuw.ensemble.recommend.features import WINDOW_FRAMES
from pvuw.io.masks import resize_id_map

Array = NDArray[np.float64]

_LONG_SIDE = 480  # pixels: the IoU of larger maps hardly differs


@dataclass(frozen=True)
class Agreement:
    """How far members agree with a pseudo-label in one frame."""

    ious: list[dict[int, float] | None]
    """Of each member, the IoU of every id that its id map or the label shows; None: no mask."""
    label_ids: set[int]
    """Ids that the label shows."""


def compare_with(label: NDArray[np.uint8], maps: Sequence[NDArray[np.uint8] | None]) -> Agreement:
    """Return how far members agree with a pseudo-label; larger maps are thinned out to 480.

    Args:
        label: Id map, uint8 `[H, W]`.
        maps: Id map of each member, of the same size; None: no mask.

    Raises:
        ValueError: If the sizes differ.

    Example:
        >>> label = np.array([[1, 1, 2, 0]], dtype=np.uint8)
        >>> compare_with(label, [label, None, label // 2]).ious
        [{1: 1.0, 2: 1.0}, None, {1: 0.0, 2: 0.0}]
    """
    given = [id_map for id_map in maps if id_map is not None]
    for id_map in given:
        if label.shape != id_map.shape:
            raise ValueError(f"id maps differ in size, got {label.shape} and {id_map.shape}")
    reduced = [_reduced(id_map) for id_map in (label, *given)]
    areas, shared = _count(reduced)
    union = areas[:1] + areas[1:] - shared
    found = iter(
        {int(i): float(inside[i] / total[i]) for i in np.flatnonzero(total[1:]) + 1}
        for inside, total in zip(shared, union, strict=True)
    )
    ious = [None if id_map is None else next(found) for id_map in maps]
    return Agreement(ious, set((np.flatnonzero(areas[0, 1:]) + 1).tolist()))


def _count(maps: Sequence[NDArray[np.uint8]]) -> tuple[Array, Array]:
    """Return the pixels of each id in `M + 1` maps, `[M + 1, 256]`, and shared with the first one.

    Pixels on which all are of one mind are counted once for all of them.
    """
    index = differing(maps)
    label, *others = (id_map.reshape(-1)[index] for id_map in maps)
    calm = _histogram(maps[0].reshape(-1)) - _histogram(label)
    areas = [calm + _histogram(label), *(calm + _histogram(said) for said in others)]
    shared = [calm + _histogram(label[label == said]) for said in others]
    return np.stack(areas), np.reshape(shared, (len(others), 256))


def _histogram(ids: NDArray[np.uint8]) -> Array:
    """Return the pixels of each id, `[256]`; OpenCV counts several times faster than NumPy."""
    if not ids.size:
        return np.zeros(256)
    counts = cv2.calcHist([ids], [0], None, [256], [0, 256])
    return counts.reshape(-1).astype(np.float64)


class AgreementStream:
    """Follows one member's IoU with the pseudo-label; a few numbers per object are kept.

    An object counts from the first frame in which the pseudo-label shows it. Where neither shows
    it, the two agree: 1. Ids that the pseudo-label never shows do not count.

    Example:
        >>> stream = AgreementStream()
        >>> label = np.array([[1, 1, 2, 2]], dtype=np.uint8)
        >>> stream.update(label, label)
        >>> stream.update(label, np.array([[1, 1, 2, 0]], dtype=np.uint8))
        >>> stream.video(), stream.object(2), stream.frame()
        (0.875, 0.75, 0.875)
    """

    def __init__(self) -> None:
        self._sums: dict[int, float] = {}
        self._counts: dict[int, int] = {}
        self._total, self._frames = 0.0, 0
        self._window: deque[float] = deque(maxlen=WINDOW_FRAMES)

    def update(self, label: NDArray[np.uint8], masks: NDArray[np.uint8]) -> None:
        """Take the next frame: two id maps, uint8 `[H, W]`, of the same size.

        Raises:
            ValueError: If the sizes differ.
        """
        found = compare_with(label, [masks])
        if (ious := found.ious[0]) is not None:
            self.take(ious, found.label_ids)

    def take(self, ious: Mapping[int, float], label_ids: set[int]) -> None:
        """Take the next frame, its IoUs known already.

        Args:
            ious: IoU of every id that either map shows.
            label_ids: Ids that the pseudo-label shows.
        """
        known = sorted(self._sums.keys() | label_ids)
        for object_id in known:
            iou = ious.get(object_id, 1.0)
            self._sums[object_id] = self._sums.get(object_id, 0.0) + iou
            self._counts[object_id] = self._counts.get(object_id, 0) + 1
        if known:
            mean = sum(ious.get(i, 1.0) for i in known) / len(known)
            self._total, self._frames = self._total + mean, self._frames + 1
            self._window.append(mean)

    def video(self) -> float | None:
        """Return the mean over objects and frames; None before any object was seen."""
        return self._total / self._frames if self._frames else None

    def object(self, object_id: int) -> float | None:
        """Return the mean over the frames of one object; None if it was never seen."""
        count = self._counts.get(object_id)
        return None if count is None else self._sums[object_id] / count

    def frame(self) -> float | None:
        """Return the mean over the last eight frames; None before any object was seen."""
        return sum(self._window) / len(self._window) if self._window else None


def _reduced(id_map: NDArray[np.uint8]) -> NDArray[np.uint8]:
    scale = _LONG_SIDE / max(id_map.shape)
    if scale >= 1:
        return id_map
    height, width = (max(1, round(side * scale)) for side in id_map.shape)
    return resize_id_map(id_map, (height, width))
