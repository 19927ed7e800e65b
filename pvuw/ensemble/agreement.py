"""How far a member's masks agree with the pseudo-label; constant memory."""

from collections import deque
from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from pvuw.ensemble.features import WINDOW_FRAMES

_LONG_SIDE = 480  # pixels: the IoU of larger maps hardly differs


def object_ious(label: NDArray[np.uint8], masks: NDArray[np.uint8]) -> dict[int, float]:
    """Return the IoU of every id that either id map shows; larger maps are thinned out to 480.

    Args:
        label: Id map, uint8 `[H, W]`.
        masks: Id map of the same size.

    Raises:
        ValueError: If the sizes differ.

    Example:
        >>> label = np.array([[1, 1, 2, 0]], dtype=np.uint8)
        >>> object_ious(label, np.array([[1, 0, 2, 3]], dtype=np.uint8))
        {1: 0.5, 2: 1.0, 3: 0.0}
    """
    _check_sizes(label, masks)
    return _compare(_reduced(label), _reduced(masks))[0]


def _compare(
    label: NDArray[np.uint8], masks: NDArray[np.uint8]
) -> tuple[dict[int, float], set[int]]:
    """Return the IoU by id, and the ids that the label shows."""
    own, same = _counts(label), np.equal(label, masks).view(np.uint8)
    areas, both = own + _counts(masks), _counts(label, same)
    ids = np.flatnonzero(areas[1:]) + 1
    ious = {int(i): float(both[i] / (areas[i] - both[i])) for i in ids}
    return ious, set((np.flatnonzero(own[1:]) + 1).tolist())


def _counts(
    id_map: NDArray[np.uint8], inside: NDArray[np.uint8] | None = None
) -> NDArray[np.float64]:
    """Return the pixels of each id, `[256]`; OpenCV counts several times faster than NumPy."""
    counts = cv2.calcHist([id_map], [0], inside, [256], [0, 256])
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
        _check_sizes(label, masks)
        self.take(*_compare(_reduced(label), _reduced(masks)))

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


def _check_sizes(label: NDArray[np.uint8], masks: NDArray[np.uint8]) -> None:
    if label.shape != masks.shape:
        raise ValueError(f"id maps differ in size, got {label.shape} and {masks.shape}")


def _reduced(id_map: NDArray[np.uint8]) -> NDArray[np.uint8]:
    scale = _LONG_SIDE / max(id_map.shape)
    if scale >= 1:
        return id_map
    size = (max(1, round(id_map.shape[1] * scale)), max(1, round(id_map.shape[0] * scale)))
    return cv2.resize(id_map, size, interpolation=cv2.INTER_NEAREST_EXACT).astype(np.uint8)
