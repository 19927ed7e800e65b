"""What each benchmark scores: which objects, by which definition, and what it tolerates."""

import math
from collections.abc import Callable, Set
from dataclasses import dataclass

from pvuw.io.mask_tree import QueryKind
from pvuw.metrics.functional import (
    DAVIS_ABSENT,
    MOSEV2_ABSENT,
    FrameMeasure,
    ObjectScore,
    davis_scores,
    foreground_scores,
    mosev2_scores,
)
from pvuw.metrics.names import ProtocolName


@dataclass(frozen=True)
class Protocol:
    """The rules of one benchmark."""

    name: ProtocolName
    measure: FrameMeasure
    absent: ObjectScore
    """Score of an object in a frame where neither truth nor prediction shows it."""
    select_objects: Callable[[Set[int], Set[int]], list[int]]
    """From the ids of the first truth frame and those of all truth frames, the ids to score."""
    allows_extra_ids: bool
    """Whether predicted ids that are no object are ignored; if not, they are an error."""
    unscored_ends: int = 1
    """Frames at either end of a video that do not count: the first is given to the tracker."""
    kind: QueryKind = "video"
    """What is scored: the objects of a video, or what a sentence about it means."""

    @property
    def has_adaptive_f(self) -> bool:
        """Whether F comes in a size-adaptive form too, with figures on leaving and returning."""
        return not math.isnan(self.absent.f_adaptive)

    def scored_frames(self, num_frames: int) -> range:
        """Return the positions of the frames that count; empty for a video that is too short.

        Example:
            >>> get_protocol("mose").scored_frames(5)
            range(1, 4)
        """
        return range(self.unscored_ends, num_frames - self.unscored_ends)

    def nothing_to_score(self, num_frames: int) -> str:
        """Return why a video of so few frames has no score, for messages."""
        why = ", since the first and the last never count" if self.unscored_ends else ""
        return f"{num_frames} frames leave none to score{why}"


def _up_to_largest_first_id(first_ids: Set[int], all_ids: Set[int]) -> list[int]:
    """As the official code, but without the ids below the largest that no frame ever shows."""
    return sorted(i for i in all_ids if i <= max(first_ids, default=0))


def _first_frame_ids(first_ids: Set[int], all_ids: Set[int]) -> list[int]:
    del all_ids  # an object that enters later was never given to the tracker
    return sorted(first_ids)


def _all_ids(first_ids: Set[int], all_ids: Set[int]) -> list[int]:
    del first_ids
    return sorted(all_ids)


def _the_target(first_ids: Set[int], all_ids: Set[int]) -> list[int]:
    del first_ids, all_ids  # a sentence may mean nothing that is there, and is scored all the same
    return [1]


_ALL = (
    Protocol(
        name="davis2017",
        measure=davis_scores,
        absent=DAVIS_ABSENT,
        select_objects=_up_to_largest_first_id,
        allows_extra_ids=False,
    ),
    Protocol(
        name="mose",
        measure=davis_scores,
        absent=DAVIS_ABSENT,
        select_objects=_first_frame_ids,
        allows_extra_ids=True,
    ),
    Protocol(
        name="mosev2",
        measure=mosev2_scores,
        absent=MOSEV2_ABSENT,
        select_objects=_all_ids,
        allows_extra_ids=True,
    ),
    Protocol(
        name="mevis",
        measure=foreground_scores,
        absent=DAVIS_ABSENT,
        select_objects=_the_target,
        allows_extra_ids=True,
        unscored_ends=0,
        kind="expression",
    ),
    Protocol(
        name="ref_youtube_vos",
        measure=foreground_scores,
        absent=DAVIS_ABSENT,
        select_objects=_the_target,
        allows_extra_ids=True,
        unscored_ends=0,
        kind="expression",
    ),
)
PROTOCOLS: dict[str, Protocol] = {protocol.name: protocol for protocol in _ALL}


def get_protocol(name: str) -> Protocol:
    """Return the rules of one of `PROTOCOL_NAMES`.

    Raises:
        ValueError: If there is no such protocol.

    Example:
        >>> get_protocol("mose").allows_extra_ids
        True
    """
    if name not in PROTOCOLS:
        raise ValueError(f"no protocol {name!r}; choose one of {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]
