"""Memory that tells an object from others that look like it."""

from collections import deque
from dataclasses import dataclass
from statistics import median

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pvuw.nets.sam2.memory import MapChoice
from pvuw.nets.sam2.memory_policy import FrameRecord, MemoryPolicy, ObjectMemory


@dataclass(frozen=True)
class DistractorAware(MemoryPolicy):
    """Recent memory is sparse and skips empty masks; frames that show a distractor are permanent.

    After Videnovic et al. (2025), *A Distractor-Aware Memory for Visual Object Tracking with SAM2*
    (https://arxiv.org/abs/2411.17576). A frame shows a distractor, and the object safely beside it,
    if the network is sure of its mask, the mask is as large as before, and the largest part of some
    other candidate mask would make the mask's box much larger. The latest frame with a mask is
    always remembered. Prompted frames count as added frames, and stay.

    Args:
        every: Frames from one recent memory to the next.
        recent_frames: Recent frames in memory, the latest one included.
        max_frames: Most permanent frames; beyond it the oldest goes. 0: recent memory only.
        min_iou: A frame is added if its predicted IoU is above this,
        area_tolerance: its area within this share of the median of
        area_frames: that many frames with a mask before it,
        min_gap: more than this many frames have passed since the last that was added,
        max_box_iou: and the box around its mask and a rival has at most this IoU with its own box.
    """

    every: int = 5
    recent_frames: int = 3
    max_frames: int = 3
    min_iou: float = 0.8
    area_tolerance: float = 0.2
    area_frames: int = 10
    min_gap: int = 5
    max_box_iou: float = 0.7

    def __post_init__(self) -> None:
        """Refuse values that have no meaning."""
        for name in ("every", "recent_frames", "area_frames"):
            if (value := getattr(self, name)) < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        for name in ("max_frames", "min_gap", "area_tolerance"):
            if (value := getattr(self, name)) < 0:
                raise ValueError(f"{name} must be at least 0, got {value}")
        for name in ("min_iou", "max_box_iou"):
            if not 0 <= (value := getattr(self, name)) <= 1:
                raise ValueError(f"{name} must be from 0 to 1, got {value}")

    @property
    def needs_candidates(self) -> bool:
        """Whether frames are compared with candidate masks at all."""
        return self.max_frames > 0

    def follow(self, num_maps: int) -> ObjectMemory:
        """Begin with an object."""
        return _DistinctFrames(self, num_maps)


class _DistinctFrames(ObjectMemory):
    """Recent and permanent frames of one object."""

    def __init__(self, policy: DistractorAware, num_maps: int) -> None:
        self.policy = policy
        self._num_older = min(policy.recent_frames, num_maps) - 1
        self._areas: deque[float] = deque(maxlen=policy.area_frames)
        self._sparse: deque[int] = deque(maxlen=policy.recent_frames)
        self._permanent: tuple[int, ...] = ()
        self._last_sparse = self._last_added = -1
        self._latest: int | None = None

    def see(self, record: FrameRecord) -> MapChoice:
        t = record.frame_idx
        if record.prompted:
            self._last_sparse = self._last_added = t
        elif record.area > 0:
            self._latest = t
            if self._shows_distractor(record):
                self._permanent = (*self._permanent, t)[-self.policy.max_frames :]
                self._last_added = t
            elif t - self._last_sparse >= self.policy.every:
                self._sparse.append(t)
                self._last_sparse = t
        if record.area > 0:
            self._areas.append(record.area)
        return MapChoice(self._recent(), self._permanent)

    def _recent(self) -> tuple[int, ...]:
        older = [t for t in self._sparse if t != self._latest]
        older = older[max(len(older) - self._num_older, 0) :]
        if self._latest is None or self._latest in self._permanent:
            return tuple(older)
        return (*older, self._latest)

    def _shows_distractor(self, record: FrameRecord) -> bool:
        policy = self.policy
        if policy.max_frames == 0 or record.predicted_iou <= policy.min_iou:
            return False
        if record.frame_idx - self._last_added <= policy.min_gap or not self._areas:
            return False
        usual = median(self._areas)
        if abs(record.area - usual) > policy.area_tolerance * usual:
            return False
        return rival_box_iou(record.mask_logits, record.candidate_logits) <= policy.max_box_iou


def rival_box_iou(mask_logits: Tensor, candidate_logits: Tensor) -> float:
    """IoU of a mask's box and the box that also holds the rival that lies furthest outside of it.

    Args:
        mask_logits: The mask, not empty, float `[h, w]`.
        candidate_logits: Other masks, float `[M, h, w]`; of each the largest connected part counts.

    Returns:
        In 0..1; 1 where no candidate reaches out of the box, or none has any pixel.

    Example:
        >>> import torch
        >>> mask = torch.tensor([[1.0, 1.0, -1.0, -1.0]])
        >>> rival_box_iou(mask, torch.tensor([[[-1.0, -1.0, -1.0, 1.0]]]))
        0.5
    """
    mask = (mask_logits > 0).cpu().numpy()
    rows, columns = (places.tolist() for places in mask.nonzero())
    own = (min(rows), max(rows) + 1, min(columns), max(columns) + 1)
    parts = [_largest_part(candidate) for candidate in (candidate_logits > 0).cpu().numpy()]
    return min((_area(own) / _area(_around(own, part)) for part in parts if part), default=1.0)


_Box = tuple[int, int, int, int]
"""Top, bottom, left, right in pixels; bottom and right lie just outside."""


def _largest_part(mask: NDArray[np.bool_]) -> _Box | None:
    """Box of the largest 8-connected part; None for an empty mask."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    if len(stats) < 2:  # background only
        return None
    left, top, width, height, _ = stats[1 + stats[1:, cv2.CC_STAT_AREA].argmax()].tolist()
    return top, top + height, left, left + width


def _around(first: _Box, second: _Box) -> _Box:
    (top, bottom, left, right), (top_2, bottom_2, left_2, right_2) = first, second
    return min(top, top_2), max(bottom, bottom_2), min(left, left_2), max(right, right_2)


def _area(box: _Box) -> int:
    top, bottom, left, right = box
    return (bottom - top) * (right - left)
