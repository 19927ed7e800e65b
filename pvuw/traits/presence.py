"""Objects that disappear and come back, counted over the annotated frames of a video."""

from collections.abc import Collection
from dataclasses import dataclass, field


@dataclass
class Presence:
    """When one object was seen."""

    absent_for: int = 0
    """Annotated frames since it was last seen."""
    disappearances: int = 0
    """Times it was seen in one annotated frame and not in the next."""
    gaps: list[int] = field(default_factory=list)
    """Length in annotated frames of each absence that ended with a return."""


class PresenceTracker:
    """Follows which objects are visible from frame to frame.

    An object that has not been seen yet is not absent. From its first appearance on, each change
    from visible to absent is a disappearance and each change back a reappearance; together they are
    what SA-V's annotation files call `masklet_visibility_changes`.

    Two published figures follow from that, and papers mix up their names:

    - `disappearance_rate`, share of objects absent in at least one frame after their first: the
      "Disapp. Rate" as the text of the MOSEv2 paper defines it (https://arxiv.org/abs/2508.05630).
    - `reappearance_rate`, share of objects that disappeared and came back: that paper's "Reapp.
      Rate", and what SAM 2 calls the disappearance rate, "disappear in at least one frame and then
      re-appear" (https://arxiv.org/abs/2408.00714, table 3).

    Example:
        >>> tracker = PresenceTracker()
        >>> for visible in ([1], [1, 2], [2], [2], [1]):
        ...     tracker.update(visible)
        >>> tracker.disappearances, tracker.reappearances, tracker.gaps
        (2, 1, [2])
        >>> tracker.disappearance_rate, tracker.reappearance_rate
        (1.0, 0.5)
    """

    def __init__(self) -> None:
        self.objects: dict[int, Presence] = {}

    def update(self, visible_ids: Collection[int]) -> None:
        """Take the next annotated frame, given the ids visible in it."""
        for object_id in visible_ids:
            seen = self.objects.setdefault(object_id, Presence())
            if seen.absent_for:
                seen.gaps.append(seen.absent_for)
                seen.absent_for = 0
        for object_id, seen in self.objects.items():
            if object_id not in visible_ids:
                seen.disappearances += seen.absent_for == 0
                seen.absent_for += 1

    @property
    def disappearances(self) -> int:
        """Disappearances of all objects together."""
        return sum(seen.disappearances for seen in self.objects.values())

    @property
    def reappearances(self) -> int:
        """Reappearances of all objects together."""
        return len(self.gaps)

    @property
    def gaps(self) -> list[int]:
        """Length in annotated frames of every absence that ended, object by object."""
        return [gap for seen in self.objects.values() for gap in seen.gaps]

    @property
    def disappearance_rate(self) -> float | None:
        """Share of objects that disappear at least once; None without objects."""
        return self._share(sum(seen.disappearances > 0 for seen in self.objects.values()))

    @property
    def reappearance_rate(self) -> float | None:
        """Share of objects that come back at least once; None without objects."""
        return self._share(sum(bool(seen.gaps) for seen in self.objects.values()))

    def _share(self, count: int) -> float | None:
        return count / len(self.objects) if self.objects else None
