"""Memory that lasts for objects that disappear."""

from dataclasses import dataclass

from pvuw.nets.sam2.memory import MapChoice
from pvuw.nets.sam2.memory_policy import FrameRecord, MemoryPolicy, ObjectMemory


@dataclass(frozen=True)
class PromoteReliable(MemoryPolicy):
    """When an object first disappears, its latest reliable frames become permanent memory.

    Otherwise memory fills up with frames that do not show the object, and only the prompt is left
    to find it again by. Described by the MOSEv2 baseline as reliable conditional memory
    (https://github.com/MOSE-api/MOSEv2, `sam2_rcms`), with the same numbers. Happens once per
    object; frames are judged by P(visible) * predicted IoU * mean probability inside the mask.

    Args:
        max_frames: Most frames that become permanent.
        min_quality: They must be judged better than this.
    """

    max_frames: int = 4
    min_quality: float = 0.6

    def __post_init__(self) -> None:
        """Refuse values that have no meaning."""
        if self.max_frames < 1:
            raise ValueError(f"max_frames must be at least 1, got {self.max_frames}")
        if not 0 <= self.min_quality < 1:
            raise ValueError(f"min_quality must be from 0 to below 1, got {self.min_quality}")

    def follow(self, num_maps: int) -> ObjectMemory:
        """Begin with an object."""
        del num_maps  # recent frames are left to the network
        return _ReliableFrames(self)


class _ReliableFrames(ObjectMemory):
    """The last reliable frames of one object, in reserve until it disappears."""

    def __init__(self, policy: PromoteReliable) -> None:
        self.policy = policy
        self._reliable: tuple[int, ...] = ()
        self._permanent: tuple[int, ...] = ()
        self._disappeared = False

    def see(self, record: FrameRecord) -> MapChoice:
        if not record.prompted and not self._disappeared:
            if record.presence_logit <= 0:
                self._disappeared = True
                self._permanent, self._reliable = self._reliable, ()
            elif record.quality > self.policy.min_quality:
                latest = (*self._reliable, record.frame_idx)
                self._reliable = latest[-self.policy.max_frames :]
        return MapChoice(None, self._permanent, frozenset(self._reliable))
