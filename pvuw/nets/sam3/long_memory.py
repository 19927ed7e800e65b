"""A second, longer memory: frames sampled at an interval, read apart and blended in.

The idea is that of a short-term and an interval-sampled long-term branch, fused by a schedule that
the last frame's confidence modulates, which came third on MOSEv2 in LSVOS 2026 without training
(SAM3Dual, arXiv 2608.22193; SAM2Dual, arXiv 2608.18640). Only that description was at hand: the
formulas here are ours.
"""

from dataclasses import dataclass, replace

from pvuw.nets.sam2.memory import MapChoice
from pvuw.nets.sam2.memory_policy import FrameRecord, ObjectMemory


@dataclass(frozen=True)
class LongMemory:
    """Frames far apart are read as a memory of their own, more of it where the object was lost.

    The fused features are `(1 - w) short + w long` with
    `w = held / frames * (lost_weight + (sure_weight - lost_weight) * c)`: `held` is how many frames
    have been sampled so far, `c` the object's predicted IoU times `2 P(visible) - 1` on the frame
    before, 1 where its mask was given. Costs a second pass of memory attention.

    Args:
        every: A frame is sampled if this many have passed since the last that was, and the object
            was found on it.
        frames: Most sampled frames; beyond it the oldest goes.
        lost_weight: Weight of the longer memory where the object was not visible before.
        sure_weight: Its weight where the network was sure of the object.
        min_score: A frame must be judged better than this to be sampled.
    """

    every: int = 15
    frames: int = 6
    lost_weight: float = 0.5
    sure_weight: float = 0.2
    min_score: float = 0.5

    def __post_init__(self) -> None:
        """Refuse values that have no meaning."""
        for name in ("every", "frames"):
            if (value := getattr(self, name)) < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        for name in ("lost_weight", "sure_weight", "min_score"):
            if not 0 <= (value := getattr(self, name)) <= 1:
                raise ValueError(f"{name} must be from 0 to 1, got {value}")

    def weight(self, held: int, confidence: float) -> float:
        """Weight of the longer memory.

        Example:
            >>> LongMemory().weight(3, 1.0), LongMemory().weight(6, 0.0)
            (0.1, 0.5)
        """
        full = self.lost_weight + (self.sure_weight - self.lost_weight) * confidence
        return min(held / self.frames, 1.0) * full


class SampledMemory(ObjectMemory):
    """What one object keeps in its longer memory, besides what else decides for it.

    Args:
        config: The rule.
        num_maps: Most maps that have a place.
        policy: What else decides for the object.
    """

    def __init__(
        self, config: LongMemory, num_maps: int, policy: ObjectMemory | None = None
    ) -> None:
        self.config = config
        self.policy = policy
        self.confidence = 1.0
        self._most = min(config.frames, num_maps)
        self._sampled: tuple[int, ...] = ()
        self._last = -1

    def see(self, record: FrameRecord) -> MapChoice:
        """Take the next frame of the object and say which frames to remember from now on."""
        choice = self.policy.see(record) if self.policy else MapChoice()
        t = record.frame_idx
        if record.prompted:
            self.confidence, self._last = 1.0, t
            return replace(choice, sampled=self._sampled)
        self.confidence = record.visible_iou
        far = t - self._last >= self.config.every
        # A frame that became permanent is read as prompted ones are, in both memories.
        if far and self.confidence > self.config.min_score and t not in choice.permanent:
            self._sampled = (*self._sampled, t)[-self._most :]
            self._last = t
        return replace(choice, sampled=self._sampled)
