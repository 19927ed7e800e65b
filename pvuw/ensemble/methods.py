"""Ways to make one answer of members' masks; a new one is a class and a row of `METHODS`."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pvuw.ensemble.fuse.evidence import Evidence
from pvuw.ensemble.fuse.fusion import Fuser, vote
from pvuw.ensemble.members.folders import MemberConfidences, MemberFrames
from pvuw.ensemble.members.frame_line import exchanges_of
from pvuw.ensemble.recommend.database import PerformanceRow
from pvuw.ensemble.recommend.leader import find_leader
from pvuw.ensemble.recommend.recommender import Recommendation, Recommender
from pvuw.ensemble.recommend.select import (
    Following,
    Granularity,
    Judge,
    follow,
    judge_by_record,
    judge_by_weight,
    select,
)
from pvuw.ensemble.record import Choice, Record
from pvuw.io.mask_store import IdMap


@dataclass(frozen=True)
class Given:
    """What there is to answer one video from."""

    frames: MemberFrames
    confidences: MemberConfidences
    weights: Mapping[str, float]
    """Weight of each member, in order of priority."""
    rows: Sequence[PerformanceRow]
    """What members scored on other videos; empty: nothing is known, they are judged by weight."""
    image: Callable[[int], NDArray[np.uint8]] | None
    """Reads a frame; None: there are no frames, only masks."""

    @property
    def names(self) -> list[str]:
        """Names of the members."""
        return list(self.weights)

    def evidence(self, *, trusted: str | None = None) -> Evidence:
        """Return who says what, ids matched over whole tracks.

        Args:
            trusted: A member whose ids stay as they are: it has more votes than all others.
        """
        more = {} if trusted is None else {trusted: 1.0 + sum(self.weights.values())}
        return Evidence(self.frames, list({**self.weights, **more}.values()))

    def follow_leader(self, method: str) -> "Answered | None":
        """Return the answer of the member that the record says leads all others, if one does."""
        leader = find_leader(self.rows, self.names)
        if leader is None:
            return None
        evidence = self.evidence(trusted=leader.member)
        chosen = Following("video", [(0, leader.recommendation)], self.names)
        record = self.record(method, evidence, chosen)
        return Answered(follow(evidence, chosen), record, evidence)

    def select(self, fuser: Fuser, granularity: Granularity) -> Following:
        """Return whom to follow, by what is recorded or else by weight."""
        judge: Judge = judge_by_weight(dict(self.weights))
        if self.rows:
            judge = judge_by_record(Recommender(self.rows))
        return select(fuser, self.names, judge, granularity=granularity, image=self.image)

    def record(
        self, method: str, evidence: Evidence | None, chosen: Following | None = None
    ) -> Record:
        """Return what is noted about the video, before its frames."""
        names = self.frames.frame_names
        return Record(
            method,
            dict(self.weights),
            problems=tuple(self.frames.problems),
            exchanges=() if evidence is None else exchanges_of(evidence, self.names, names),
            same=() if evidence is None else _same(self.names, evidence),
            choices=() if chosen is None else tuple(_choices(chosen, names)),
            matched=evidence is not None,
        )


@dataclass(frozen=True)
class Answered:
    """What a method makes of a video."""

    answers: Iterator[IdMap]
    """One id map per frame, worked out as it is taken."""
    record: Record
    evidence: Evidence | None
    """Where members were compared; None: they were not."""


class Method(ABC):
    """One way to make an answer."""

    level: Granularity
    """Whose recorded scores it looks at: of videos, objects or frames."""

    @abstractmethod
    def run(self, given: Given) -> Answered:
        """Return the answer to one video."""


class Vote(Method):
    """Each pixel has the label of most votes; members are taken at their word."""

    level: Granularity = "video"

    def run(self, given: Given) -> Answered:
        """Count votes."""
        answers = vote(given.frames, list(given.weights.values()))
        return Answered(answers, given.record("vote", None), None)


class Fuse(Method):
    """Votes by weight, or by what members are expected to score on each object; ids matched."""

    level: Granularity = "object"

    def run(self, given: Given) -> Answered:
        """Match ids, then count votes."""
        if led := given.follow_leader("fuse"):
            return led
        evidence = given.evidence()
        fuser = Fuser(evidence, given.confidences)
        if not given.rows:
            return Answered(fuser.answers(), given.record("fuse", evidence), evidence)
        chosen = given.select(fuser, self.level)
        learnt = {at: _votes(why, given.names) for at, why in chosen.pieces}
        answers = Fuser(evidence, given.confidences, learnt=learnt).answers()
        return Answered(answers, given.record("fuse", evidence, chosen), evidence)


@dataclass(frozen=True)
class Select(Method):
    """One member is followed: for the video, for each object, or at a time."""

    level: Granularity

    def run(self, given: Given) -> Answered:
        """Match ids, look at everything once, then follow."""
        if led := given.follow_leader("select"):
            return led
        evidence = given.evidence()
        chosen = given.select(Fuser(evidence, given.confidences), self.level)
        record = given.record("select", evidence, chosen)
        return Answered(follow(evidence, chosen), record, evidence)


METHODS: dict[str, Callable[[Granularity], Method]] = {
    "vote": lambda granularity: Vote(),
    "fuse": lambda granularity: Fuse(),
    "select": Select,
}
"""By name, given the granularity that was asked for."""


def _votes(why: Recommendation, names: Sequence[str]) -> list[float]:
    """Return the votes that members are recommended with; one without masks has a small one."""
    votes = why.vote_weights()
    return [votes.get(name, min(votes.values())) for name in names]


def _choices(selection: Following, frame_names: Sequence[str]) -> Iterator[Choice]:
    for at, why in selection.pieces:
        yield Choice(
            why.member,
            {one.member: round(one.expected, 4) for one in why.estimates},
            {name: round(vote, 4) for name, vote in why.vote_weights().items()},
            why.reason,
            uncertainty=round(why.uncertainty, 4),
            object_id=at if selection.granularity == "object" else None,
            first_frame=frame_names[at] if selection.granularity == "frame" else None,
        )


def _same(names: Sequence[str], evidence: Evidence) -> tuple[tuple[str, ...], ...]:
    """Return the members that never differ, in groups."""
    groups = {
        tuple(name for name, same in zip(names, row, strict=True) if same)
        for row in evidence.matching.same
    }
    return tuple(group for group in sorted(groups) if len(group) > 1)
