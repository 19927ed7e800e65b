"""Objects of a SAM 2 session that can run in one batch."""

from dataclasses import dataclass, field, replace

from pvuw.nets.sam2.memory import MapChoice, MemoryBank, MemoryFrame
from pvuw.nets.sam2.memory_policy import FrameRecord, ObjectMemory


@dataclass
class ObjectGroup:
    """Objects that were prompted on the same frames and remember the same: one batch."""

    object_ids: list[int]
    memory: MemoryBank
    choosing: list[ObjectMemory] = field(default_factory=list)
    """What each object remembers by; empty without a policy."""

    def take(self, object_ids: list[int]) -> "ObjectGroup":
        """The group of some of the objects only."""
        if object_ids == self.object_ids:
            return self
        rows = [self.object_ids.index(i) for i in object_ids]
        choosing = [self.choosing[row] for row in rows] if self.choosing else []
        return ObjectGroup(object_ids, self.memory.take(rows), choosing)

    def remember(
        self, memory: MemoryFrame, records: list[FrameRecord], *, frame_idx: int, prompted: bool
    ) -> list["ObjectGroup"]:
        """Groups of the objects that go on remembering the same, with a frame in their memory.

        Args:
            memory: What the objects remember of the frame.
            records: What their policies judge it by, one per object; empty without a policy.
            frame_idx: The frame; none later has been remembered.
            prompted: Whether its masks were given.
        """
        if not self.choosing:
            self.memory.add(frame_idx, memory, prompted=prompted)
            return [self]
        groups = []
        for choice, rows in self._choices(records):
            group = self.take([self.object_ids[row] for row in rows])
            taken = memory if group is self else memory.take(rows)
            group.memory.add(frame_idx, taken, prompted=prompted, choice=choice)
            groups.append(group)
        return groups

    def _choices(self, records: list[FrameRecord]) -> list[tuple[MapChoice, list[int]]]:
        """Each distinct choice, with the reserves of all who make it, and the rows of those."""
        rows_of: dict[MapChoice, list[int]] = {}
        reserves: dict[MapChoice, frozenset[int]] = {}
        for row, (choosing, record) in enumerate(zip(self.choosing, records, strict=True)):
            choice = choosing.see(record)
            rows_of.setdefault(choice, []).append(row)
            reserves[choice] = reserves.get(choice, frozenset()) | choice.reserve
        return [(replace(c, reserve=reserves[c]), rows) for c, rows in rows_of.items()]
