"""Whom the answer follows in each frame: by the record, else who is nearest to it."""

from collections.abc import Sequence
from dataclasses import dataclass

from pvuw.ensemble.record import Record

NEARER_BY = 0.02
"""Mean IoU by which another member must be nearer before it counts as the nearest."""
Ious = Sequence[dict[int, float] | None]
"""IoU of a member with the answer by object, in each frame; None: it has no mask there."""


@dataclass(frozen=True)
class Band:
    """One line of the timeline of members."""

    object_id: int | None
    """The object it is about; None: all of them."""
    members: list[int | None]
    """Position of the member in each frame; None: nobody."""

    def runs(self) -> list[tuple[int, int, int]]:
        """Return first frame, the frame after the last, and member of each stretch.

        Example:
            >>> Band(None, [0, 0, None, 1]).runs()
            [(0, 2, 0), (3, 4, 1)]
        """
        runs: list[tuple[int, int, int]] = []
        for position, member in enumerate(self.members):
            if member is None:
                continue
            if runs and runs[-1][1:] == (position, member):
                runs[-1] = (runs[-1][0], position + 1, member)
            else:
                runs.append((position, position + 1, member))
        return runs


def is_followed(record: Record | None) -> bool:
    """Return whether the answer was taken from members, not voted."""
    return record is not None and record.method == "select"


def bands(
    record: Record | None, names: Sequence[str], frame_names: Sequence[str], ious: Sequence[Ious]
) -> list[Band]:
    """Return whom the answer follows; where nobody was followed, who is nearest in each frame.

    Args:
        record: What was noted about the video.
        names: The members, `M`.
        frame_names: The frames, `T`.
        ious: Of each member.
    """
    if record is None or not is_followed(record):
        return [Band(None, nearest(ious))]
    objects = list(dict.fromkeys(choice.object_id for choice in record.choices))
    return [Band(i, _followed(record, i, names, frame_names, ious)) for i in objects]


def nearest(ious: Sequence[Ious]) -> list[int | None]:
    """Return the member that agrees most with the answer in each frame, None where nobody speaks.

    It changes when another one is nearer by 0.02: near equals would flicker.

    Example:
        >>> one, two = [{1: 0.9}, {1: 0.8}, {1: 0.5}, None], [{1: 0.8}, {1: 0.81}, {1: 0.6}, None]
        >>> nearest([one, two])
        [0, 0, 1, None]
    """
    found: list[int | None] = []
    held: int | None = None
    for row in zip(*ious, strict=True):
        means = {m: sum(x.values()) / len(x) for m, x in enumerate(row) if x}
        best = max(means, key=lambda m: means[m], default=None)
        if best is not None and (held not in means or means[best] >= means[held] + NEARER_BY):
            held = best
        found.append(None if best is None else held)
    return found


def _followed(
    record: Record,
    object_id: int | None,
    names: Sequence[str],
    frame_names: Sequence[str],
    ious: Sequence[Ious],
) -> list[int | None]:
    """Return the first of the ranking that has a mask, in each frame."""
    where = {name: member for member, name in enumerate(names)}
    found: list[int | None] = []
    for position, frame_name in enumerate(frame_names):
        choice = record.choice_at(frame_name, object_id)
        ranking = () if choice is None else choice.ranking
        # A member that is not shown here may have been followed all the same: then nobody is named.
        speaks = [n for n in ranking if n not in where or ious[where[n]][position] is not None]
        found.append(where.get(speaks[0]) if speaks else None)
    return found
