"""What kind of video this is, judged by its frames and a pseudo-label; constant memory."""

import math
from collections import deque
from dataclasses import astuple, dataclass, fields
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from pvuw.ensemble.recommend.neighbours import measure_neighbours
from pvuw.ensemble.recommend.scenes import SceneMeter
from pvuw.traits.appearance import ColourAndTexture, masks_at_size
from pvuw.traits.change import AreaCollapse
from pvuw.traits.layout import box_occlusion_rate
from pvuw.traits.presence import PresenceTracker
from pvuw.traits.shapes import FrameShapes, shapes_of_id_map

FEATURE_VERSION = 2
"""Raised whenever a value, or the pseudo-label it is measured on, would change: rows of other
versions do not train a recommender."""
WINDOW_FRAMES = 8
"""Frames that the features of one frame are taken over."""
_SMALL_SHARE = 0.01  # MOSEv2's definition of a small mask
_LOOKS_EVERY = 4  # frames between two looks at how similar the objects are
_LONG_SIDE = 192  # pixels of the frame that objects' looks are read from


@dataclass(frozen=True, slots=True)
class Features:
    """Means, over the frames of a video or window, of what each frame shows.

    The first six describe the scene, the others the objects: their mean over the objects, or one
    object's own value. Everything is a mean, so that video, object and frame are on one scale.
    """

    texture: float
    """Mean length of the brightness gradient, 0..1."""
    clutter: float
    """Share of the frame that is edge."""
    change: float
    """Mean change of brightness since the frame before, 0..1: camera and object motion."""
    objects: float
    """Objects known so far, `log2(1 + n)`."""
    size_spread: float
    """Spread of `log2` of the visible objects' areas; 0 for equal sizes."""
    occlusion: float
    """Box occlusion rate (`pvuw.traits.layout.box_occlusion_rate`)."""
    size: float
    """Square root of the share of the frame that an object covers; 0 while absent."""
    small: float
    """1 for a visible object that covers less than 1 % of the frame."""
    collapse: float
    """Worst loss of visible area so far (`pvuw.traits.change.AreaCollapse`)."""
    motion: float
    """Step of the centre since the frame before, in frame diagonals."""
    absent: float
    """1 while an object that was seen before is not."""
    returned: float
    """1 once an object has come back."""
    closeness: float
    """Closeness of the closest other object; this and the next three: `neighbours.py`."""
    overlap: float
    """Share of the object's box that another object's box covers."""
    similarity: float
    """Cosine to the object that looks most alike (`pvuw.traits.appearance`); 0 if alone."""
    lookalike: float
    """Closeness to a look-alike."""

    @classmethod
    def of_vector(cls, values: NDArray[np.float64]) -> Self:
        """Return the features that `vector` gave these numbers for."""
        return cls(*map(float, values))

    @property
    def vector(self) -> NDArray[np.float64]:
        """All values in the order of `FEATURE_NAMES`, float64."""
        return np.array(astuple(self), dtype=np.float64)


FEATURE_NAMES = tuple(field.name for field in fields(Features))
"""Names of the features, scene first."""
_SCENE = 6  # features that describe the scene


class FeatureStream:
    """Measures a video frame by frame; keeps a few numbers per object and of the last frames.

    Example:
        >>> stream = FeatureStream()
        >>> for columns in (8, 8, 8, 2, 0, 8):
        ...     id_map = np.zeros((8, 16), dtype=np.uint8)
        ...     id_map[:, :columns] = 5
        ...     stream.update(id_map)
        >>> video = stream.video()
        >>> round(video.absent, 3), round(video.returned, 3), video.objects, video.similarity
        (0.167, 0.167, 1.0, nan)
        >>> stream.object(5).size == video.size
        True
    """

    def __init__(self) -> None:
        self._scene = SceneMeter()
        self._presence = PresenceTracker()
        self._collapse = AreaCollapse(None)
        self._centres: dict[int, NDArray[np.float64]] = {}
        self._looks: dict[int, NDArray[np.float32]] = {}
        self._looks_known = True
        self._frames = 0
        self._sums: dict[int, NDArray[np.float64]] = {}  # of each object's own features
        self._counts: dict[int, int] = {}
        self._scene_sums: dict[int, NDArray[np.float64]] = {}  # of the scene while it was known
        self._video_sum = np.zeros(len(FEATURE_NAMES))
        self._window: deque[NDArray[np.float64]] = deque(maxlen=WINDOW_FRAMES)

    def update(self, id_map: NDArray[np.uint8], frame: NDArray[np.uint8] | None = None) -> None:
        """Take the next frame.

        Args:
            id_map: Pseudo-label, uint8 `[H, W]`.
            frame: The image, RGB uint8 `[h, w, 3]` of any size; None for all frames: what only
                they can tell is NaN.
        """
        shapes = shapes_of_id_map(id_map)
        self._presence.update(shapes.object_ids)
        self._collapse.update(shapes)
        if frame is None:
            self._looks_known = False
        else:
            self._look(id_map, frame)
        scene = np.array(
            [*self._scene.update(frame), *_layout(shapes, len(self._presence.objects))]
        )
        own = self._object_rows(shapes)
        for object_id, row in own.items():
            self._counts[object_id] = self._counts.get(object_id, 0) + 1
            self._sums[object_id] = self._sums.get(object_id, 0) + row
            self._scene_sums[object_id] = self._scene_sums.get(object_id, 0) + scene
        objects = (
            np.mean(list(own.values()), axis=0) if own else np.zeros(len(FEATURE_NAMES) - _SCENE)
        )
        vector = np.concatenate([scene, objects])
        self._frames += 1
        self._video_sum += vector
        self._window.append(vector)

    def video(self) -> Features:
        """Return the means over all frames so far.

        Raises:
            ValueError: If there was no frame.
        """
        if not self._frames:
            raise ValueError("no frame was given, so there is nothing to describe")
        return Features.of_vector(self._video_sum / self._frames)

    def object(self, object_id: int) -> Features:
        """Return the means for one object, from its first frame on.

        Raises:
            KeyError: If it was never seen.
        """
        total = np.concatenate([self._scene_sums[object_id], self._sums[object_id]])
        return Features.of_vector(total / self._counts[object_id])

    def frame(self) -> Features:
        """Return the means over the last eight frames, the latest included.

        Raises:
            ValueError: If there was no frame.
        """
        if not self._window:
            raise ValueError("no frame was given, so there is nothing to describe")
        return Features.of_vector(np.mean(self._window, axis=0))

    @property
    def object_ids(self) -> list[int]:
        """Objects seen so far, ascending."""
        return sorted(self._counts)

    def _object_rows(self, shapes: FrameShapes) -> dict[int, NDArray[np.float64]]:
        """Return the features of every object known so far, by id."""
        height, width = shapes.size_hw
        near = measure_neighbours(shapes, self._looks)
        places = {object_id: slot for slot, object_id in enumerate(shapes.object_ids)}
        centres, rows = {}, {}
        for object_id, presence in self._presence.objects.items():
            area, motion, others = 0.0, 0.0, (0.0, 0.0, 0.0, 0.0)
            if (slot := places.get(object_id)) is not None:
                area = shapes.areas[slot] / (height * width)
                centres[object_id] = centre = shapes.centroids_xy[slot]
                step = centre - self._centres.get(object_id, centre)
                motion = math.hypot(*step) / math.hypot(height, width)
                others = tuple(
                    a[slot] for a in (near.closeness, near.overlap, near.similarity, near.lookalike)
                )
            known = (self._collapse.of_object(object_id), motion)
            seen = (presence.absent_for > 0, bool(presence.gaps))
            row = (math.sqrt(area), 0 < area < _SMALL_SHARE, *known, *seen, *others)
            rows[object_id] = np.array(row, dtype=np.float64)
            if not self._looks_known:
                rows[object_id][-2:] = math.nan  # similarity, lookalike
        self._centres = centres
        return rows

    def _look(self, id_map: NDArray[np.uint8], frame: NDArray[np.uint8]) -> None:
        """Compare the objects' looks every few frames; those out of sight keep their value."""
        if self._frames % _LOOKS_EVERY:
            return
        scale = min(1.0, _LONG_SIDE / max(frame.shape[:2]))
        size = (max(1, round(frame.shape[0] * scale)), max(1, round(frame.shape[1] * scale)))
        masks = masks_at_size(id_map, size)
        if not masks:
            return
        small = cv2.resize(frame, size[::-1], interpolation=cv2.INTER_AREA).astype(np.uint8)
        self._looks.update(zip(masks, ColourAndTexture()(small, masks), strict=True))


def _layout(shapes: FrameShapes, known: int) -> tuple[float, float, float]:
    """Return objects, size spread and occlusion of a frame."""
    count = math.log2(1 + known)
    if not len(shapes.areas):
        return count, 0.0, 0.0
    return count, float(np.log2(shapes.areas).std()), box_occlusion_rate(shapes)
