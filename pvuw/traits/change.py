"""What changes from frame to frame: visible area that collapses, centres that move."""

import statistics
from collections import deque

import numpy as np
from numpy.typing import NDArray

from pvuw.traits.shapes import FrameShapes

WINDOW_SECONDS = 3.0
WINDOW_FRAMES_UNKNOWN_FPS = 15
MIN_HISTORY = 3


class AreaCollapse:
    """Follows how far each object shrinks below its own recent size while still visible.

    For an object, `1 - min over t of area_t / median(areas before t)`, the median over its visible
    frames of the last three seconds and at least three frames; never below 0. 0.9 means that at one
    time a tenth of the object was left. The measure is ours: it sees what box occlusion misses, an
    object that goes behind something without a mask, and also one that leaves the frame.

    Args:
        fps: Annotated frames per second; None if unknown, the window is then 15 frames.

    Example:
        >>> from pvuw.traits.shapes import shapes_of_masks
        >>> collapse = AreaCollapse(None)
        >>> for area in (8, 8, 8, 2, 8):
        ...     mask = np.arange(8)[None] < area
        ...     collapse.update(shapes_of_masks({1: mask}, (1, 8)))
        >>> collapse.mean
        0.75
    """

    def __init__(self, fps: float | None) -> None:
        window = WINDOW_FRAMES_UNKNOWN_FPS if fps is None else round(WINDOW_SECONDS * fps)
        self._window = max(window, MIN_HISTORY)
        self._recent: dict[int, deque[float]] = {}
        self._smallest: dict[int, float] = {}

    def update(self, shapes: FrameShapes) -> None:
        """Take the next annotated frame."""
        for object_id, area in zip(shapes.object_ids, shapes.areas.tolist(), strict=True):
            recent = self._recent.setdefault(object_id, deque(maxlen=self._window))
            smallest = self._smallest.setdefault(object_id, 1.0)
            if len(recent) >= MIN_HISTORY:
                ratio = area / statistics.median(recent)
                self._smallest[object_id] = min(smallest, ratio)
            recent.append(area)

    def of_object(self, object_id: int) -> float:
        """Return the collapse of one object, 0..1; 0 for one that was never seen."""
        return 1 - self._smallest.get(object_id, 1.0)

    @property
    def mean(self) -> float | None:
        """Collapse averaged over the objects, 0..1; None without objects."""
        if not self._smallest:
            return None
        return statistics.fmean(1 - ratio for ratio in self._smallest.values())


class Motion:
    """Follows how fast the centres of the objects move in the image.

    Mean over all objects and pairs of neighbouring annotated frames, both showing the object, of
    `|c_t - c_(t-1)| / diagonal`, times the frame rate: frame diagonals a second. It is the centroid
    motion behind MOSEv2's "fast motion" attribute (over 20 pixels a frame, table 3 of
    https://arxiv.org/abs/2508.05630) made independent of image size and frame rate; a moving camera
    counts too.

    Args:
        fps: Annotated frames per second; None if unknown, the motion is then unknown as well.

    Example:
        >>> from pvuw.traits.shapes import shapes_of_masks
        >>> motion = Motion(fps=5.0)
        >>> for x in (0, 1, 3):
        ...     mask = np.arange(4)[None] == x
        ...     motion.update(shapes_of_masks({1: np.repeat(mask, 3, axis=0)}, (3, 4)))
        >>> round(motion.mean, 9)
        1.5
    """

    def __init__(self, fps: float | None) -> None:
        self._fps = fps
        self._centres: dict[int, NDArray[np.float64]] = {}
        self._sum = 0.0
        self._steps = 0

    def update(self, shapes: FrameShapes) -> None:
        """Take the next annotated frame."""
        centres = dict(zip(shapes.object_ids, shapes.centroids_xy, strict=True))
        diagonal = float(np.hypot(*shapes.size_hw))
        for object_id in sorted(centres.keys() & self._centres.keys()):
            step = centres[object_id] - self._centres[object_id]
            self._sum += float(np.hypot(*step)) / diagonal
            self._steps += 1
        self._centres = centres

    @property
    def mean(self) -> float | None:
        """Frame diagonals a second; None if no object is in two frames in a row, or without fps."""
        if self._fps is None or not self._steps:
            return None
        return self._sum / self._steps * self._fps
