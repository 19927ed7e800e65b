"""Which objects of a video are hard, and in what way, judged by its ground truth frame by frame."""

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from pvuw.traits.change import AreaCollapse
from pvuw.traits.presence import PresenceTracker
from pvuw.traits.shapes import shapes_of_id_map

BUCKETS = ("small", "occluded", "reappearing")
"""Kinds of hard objects that validation scores on their own; an object may be of several."""

SMALL_SHARE = 0.01
"""Share of the frame below which a mask is small (MOSEv2's definition)."""
OCCLUDED_COLLAPSE = 0.5
"""Share of its recent visible area that an occluded object loses at some time."""


class ObjectBuckets:
    """Sorts the objects of one video into `BUCKETS`; keeps a few numbers per object.

    - `small`: its mask covers less than 1 % of the frame in more than half of the frames that show
      it (https://arxiv.org/abs/2508.05630, table 3).
    - `occluded`: at some time less than half of its recent area is visible while it is still in
      sight (`pvuw.traits.change.AreaCollapse`); leaving the frame bit by bit counts too.
    - `reappearing`: it disappears and comes back (`pvuw.traits.presence.PresenceTracker`).

    Example:
        >>> buckets = ObjectBuckets()
        >>> for columns in (8, 8, 8, 2, 0, 8):
        ...     id_map = np.zeros((8, 16), dtype=np.uint8)
        ...     id_map[:, :columns] = 5
        ...     id_map[0, 15] = 7
        ...     buckets.update(id_map)
        >>> buckets.of(5), buckets.of(7), buckets.of(9)
        (('occluded', 'reappearing'), ('small',), ())
    """

    def __init__(self) -> None:
        self._presence = PresenceTracker()
        self._collapse = AreaCollapse(None)
        self._seen: Counter[int] = Counter()
        self._small: Counter[int] = Counter()

    def update(self, truth: NDArray[np.uint8]) -> None:
        """Take the next frame of the video.

        Args:
            truth: Id map, uint8 `[H, W]`; pixels without ground truth must be 0.
        """
        shapes = shapes_of_id_map(truth)
        self._presence.update(shapes.object_ids)
        self._collapse.update(shapes)
        self._seen.update(shapes.object_ids)
        small = shapes.areas < SMALL_SHARE * truth.size
        self._small.update(
            i for i, is_small in zip(shapes.object_ids, small, strict=True) if is_small
        )

    def of(self, object_id: int) -> tuple[str, ...]:
        """Return the buckets of an object, in the order of `BUCKETS`."""
        presence = self._presence.objects.get(object_id)
        found = {
            "small": 2 * self._small[object_id] > self._seen[object_id],
            "occluded": self._collapse.of_object(object_id) > OCCLUDED_COLLAPSE,
            "reappearing": presence is not None and bool(presence.gaps),
        }
        return tuple(name for name in BUCKETS if found[name])
