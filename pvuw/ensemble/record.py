"""What is noted about a video, written and read: the first line of `agreement/<video>.jsonl`."""

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pvuw.errors import DataError
from pvuw.io.frame_order import natural_key
from pvuw.io.typed_yaml import from_mapping


@dataclass(frozen=True)
class Exchange:
    """Two ids that a member had exchanged for a while, and that were put right."""

    member: str
    object_ids: tuple[int, int]
    first_frame: str
    last_frame: str
    evidence: float = field(default=0.0, compare=False)
    """How much more IoU with the others the exchange gives, summed over objects and time."""

    def covers(self, frame_name: str) -> bool:
        """Return whether the ids were exchanged in a frame."""
        key = natural_key(frame_name)
        return natural_key(self.first_frame) <= key <= natural_key(self.last_frame)


@dataclass(frozen=True)
class Choice:
    """Whom to follow, or whose votes count how much."""

    member: str
    expected: dict[str, float]
    """J&F that each member is expected to score, best first."""
    votes: dict[str, float]
    reason: str
    object_id: int | None = None
    """The object it is about; None: all of them."""
    first_frame: str | None = None
    """Where its stretch begins; None: it is about the whole video."""
    uncertainty: float = 0.0
    """Of what the member is expected to score."""

    @property
    def ranking(self) -> tuple[str, ...]:
        """All members, best first: where one has no mask, the next is followed."""
        return self.member, *(name for name in self.expected if name != self.member)

    def to_json(self) -> dict[str, Any]:
        """Return the choice as it is noted."""
        place: dict[str, Any] = {}
        if self.object_id is not None:
            place = {"object_id": self.object_id}
        elif self.first_frame is not None:
            place = {"first_frame": self.first_frame}
        return {
            **place,
            "member": self.member,
            "expected": self.expected,
            "votes": self.votes,
            "uncertainty": self.uncertainty,
            "reason": self.reason,
        }


@dataclass(frozen=True)
class Record:
    """What was found and chosen in one video."""

    method: str
    """`vote`, `fuse` or `select`."""
    weights: dict[str, float]
    """Weight of each member by its name."""
    exchanges: tuple[Exchange, ...] = ()
    """Of each member in the order they were undone."""
    same: tuple[tuple[str, ...], ...] = ()
    """Groups of members that never differ."""
    choices: tuple[Choice, ...] = ()
    problems: tuple[str, ...] = ()
    """What members lack, one line each."""
    matched: bool = True
    """Whether ids were compared at all; plain votes look at nothing."""

    def to_json(self) -> dict[str, Any]:
        """Return the record as it is noted, without stamp and video."""
        line: dict[str, Any] = {"members": self.weights, "problems": list(self.problems)}
        if self.matched:
            line["swaps"] = [dataclasses.asdict(exchange) for exchange in self.exchanges]
            line["same"] = self.same
        if self.choices:
            line["selection"] = [choice.to_json() for choice in self.choices]
        return line

    def id_table(self, member: str, frame_name: str) -> NDArray[np.uint8] | None:
        """Return the 256 ids that a member's ids become in a frame; None: they stay."""
        found = [e for e in self.exchanges if e.member == member and e.covers(frame_name)]
        if not found:
            return None
        table = np.arange(256, dtype=np.uint8)
        for exchange in found:
            one, other = exchange.object_ids
            swap = np.arange(256, dtype=np.uint8)
            swap[[one, other]] = other, one
            table = swap[table]
        return table

    def choice_at(self, frame_name: str, object_id: int | None) -> Choice | None:
        """Return the choice that holds in a frame, for one object or all of them."""
        key = natural_key(frame_name)
        latest = None
        for choice in self.choices:
            begun = choice.first_frame is None or natural_key(choice.first_frame) <= key
            if choice.object_id == object_id and begun:
                latest = choice
        return latest


def read_record(path: Path) -> Record | None:
    """Return what was noted about a video; None: there is no such file.

    Raises:
        DataError: If it is not a record of `pvuw ensemble`.
    """
    try:
        with path.open(encoding="utf-8") as lines:
            return _record(json.loads(lines.readline()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, DataError) as error:
        raise DataError(
            f"{path}: not a record of pvuw ensemble ({error}); remove it, or run the ensemble again"
        ) from error


def _record(line: dict[str, Any]) -> Record:
    return Record(
        str(line["method"]),
        {str(name): float(weight) for name, weight in line["members"].items()},
        tuple(from_mapping(swap, into=Exchange, place="swaps.") for swap in line.get("swaps", [])),
        tuple(tuple(map(str, group)) for group in line.get("same", [])),
        tuple(from_mapping(c, into=Choice, place="selection.") for c in line.get("selection", [])),
        tuple(map(str, line.get("problems", []))),
        "swaps" in line,
    )
