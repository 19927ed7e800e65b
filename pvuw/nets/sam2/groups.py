"""Objects of a SAM 2 session that can run in one batch."""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from pvuw.nets.sam2.memory import MapChoice, MemoryBank, MemoryFrame
from pvuw.nets.sam2.memory_policy import FrameRecord, ObjectMemory


class Target(NamedTuple):
    """An object in one view of the video: a row of a batch, which knows of no other."""

    view: int
    object_id: int


@dataclass
class ObjectGroup:
    """Objects that were prompted on the same frames and remember the same: one batch."""

    targets: list[Target]
    memory: MemoryBank
    choosing: list[ObjectMemory] = field(default_factory=list)
    """What each row remembers by; empty without a policy."""

    @property
    def object_ids(self) -> list[int]:
        """File id of the object of each row."""
        return [target.object_id for target in self.targets]

    @property
    def views(self) -> list[int]:
        """The view that each row sees."""
        return [target.view for target in self.targets]

    def take(self, targets: list[Target]) -> "ObjectGroup":
        """The group of some of the rows only."""
        if targets == self.targets:
            return self
        rows = [self.targets.index(target) for target in targets]
        choosing = [self.choosing[row] for row in rows] if self.choosing else []
        return ObjectGroup(targets, self.memory.take(rows), choosing)

    def remember(
        self, memory: MemoryFrame, records: list[FrameRecord], *, frame_idx: int, prompted: bool
    ) -> list["ObjectGroup"]:
        """Groups of the objects that go on remembering the same, with a frame in their memory.

        Args:
            memory: What the rows remember of the frame.
            records: What their policies judge it by, one per row; empty without a policy.
            frame_idx: The frame; none later has been remembered.
            prompted: Whether its masks were given.
        """
        if not self.choosing:
            self.memory.add(frame_idx, memory, prompted=prompted)
            return [self]
        groups = []
        for choice, rows in self._choices(records):
            group = self.take([self.targets[row] for row in rows])
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
