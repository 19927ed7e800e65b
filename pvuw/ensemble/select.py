"""Which member to follow: per video, per object or per frame, and why, in words and numbers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pvuw.ensemble.agreement import AgreementStream
from pvuw.ensemble.combinations import IdMap
from pvuw.ensemble.features import Features, FeatureStream
from pvuw.ensemble.fuse import Fuser
from pvuw.ensemble.recommend import Estimate, Hysteresis, Recommendation, Recommender
from pvuw.ensemble.voting import Ballot

Granularity = Literal["video", "object", "frame"]
_RANK_FACTOR = 4.0
"""Votes of a member for one vote of the next one: more than all later ones have together."""
_HUNCH = 0.15
"""Standard deviation stated for an estimate that rests on agreement alone; a round guess."""

Agreements = Mapping[str, float | None]
Judge = Callable[[Features, Agreements], Recommendation]


def judge_by_agreement(weights: Mapping[str, float]) -> Judge:
    """Return a judge that goes by agreement with the pseudo-label times each member's weight.

    What it states as expected is that product over the largest weight: a rank, no measured J&F.
    """
    largest = max(weights.values())

    def judge(features: Features, agreements: Agreements) -> Recommendation:
        del features
        estimates = [
            Estimate(
                name,
                expected=(agreement or 0.0) * weights[name] / largest,
                uncertainty=_HUNCH,
                num_rows=0,
                basis="agreement with the pseudo-label",
                parts={},
            )
            for name, agreement in agreements.items()
        ]
        ranked = tuple(sorted(estimates, key=lambda one: -one.expected))
        best = ranked[0]
        reason = (
            f"{best.member}: agrees with the pseudo-label by {agreements[best.member] or 0:.2f}"
        )
        if len(ranked) > 1:
            second = ranked[1].member
            reason += f", {second} by {agreements[second] or 0:.2f}"
        if len(set(weights.values())) > 1:
            reason += "; each times its weight"
        return Recommendation(best.member, best.expected, best.uncertainty, reason, ranked)

    return judge


def judge_by_record(recommender: Recommender) -> Judge:
    """Return a judge that goes by recorded performance on videos of this kind."""
    return recommender.recommend


@dataclass
class Selection:
    """Whom to follow in one video."""

    granularity: Granularity
    pieces: list[tuple[int, Recommendation]]
    """What for and why: (0, …) for the video; by object id; or by the first frame of a stretch."""
    names: list[str]
    """The members, `M`."""

    def ballot(self, position: int) -> Ballot:
        """Return votes by rank: whoever is preferred outvotes all others together.

        A member without a mask in the frame leaves its place to the next one.
        """
        if self.granularity == "object":
            ballot = Ballot.uniform(self._votes(None))
            for object_id, recommendation in self.pieces:
                ballot.weights[:, object_id] = self._votes(recommendation)
            return ballot
        latest = [r for first, r in self.pieces if first <= position]
        return Ballot.uniform(self._votes(latest[-1] if latest else None))

    def _votes(self, recommendation: Recommendation | None) -> NDArray[np.float64]:
        votes = np.full(len(self.names), _RANK_FACTOR ** -len(self.names))
        if recommendation is None:
            return votes
        order = [recommendation.member]
        order += [e.member for e in recommendation.estimates if e.member != order[0]]
        for rank, name in enumerate(order):
            votes[self.names.index(name)] = _RANK_FACTOR**-rank
        return votes


def select(
    fuser: Fuser,
    names: Sequence[str],
    judge: Judge,
    *,
    granularity: Granularity = "video",
    image: Callable[[int], NDArray[np.uint8]] | None = None,
) -> Selection:
    """Return whom to follow, after a second look at the video beside its pseudo-label.

    Args:
        fuser: Gives the pseudo-label.
        names: The members, as the judge knows them.
        judge: Ranks members by features and agreement.
        granularity: One member for the video, for each object, or for each frame (with hysteresis).
        image: RGB of a frame, for features of the scene; None: those stay 0.
    """
    watched = _Watched(fuser, names, image)
    if granularity == "frame":
        keep, pieces = Hysteresis(), list[tuple[int, Recommendation]]()
        for position in watched.look():
            chosen = keep.step(judge(watched.features.frame(), watched.of_frame()))
            if not pieces or pieces[-1][1].member != chosen.member:
                pieces.append((position, chosen))
        return Selection(granularity, pieces, list(names))
    for _ in watched.look():
        pass
    if granularity == "video":
        whole = judge(watched.features.video(), watched.of_video())
        return Selection(granularity, [(0, whole)], list(names))
    objects = [
        (object_id, judge(watched.features.object(object_id), watched.of_object(object_id)))
        for object_id in watched.features.object_ids
    ]
    return Selection(granularity, objects, list(names))


class _Watched:
    """Features of the video and each member's agreement with the pseudo-label, while it is read."""

    def __init__(
        self,
        fuser: Fuser,
        names: Sequence[str],
        image: Callable[[int], NDArray[np.uint8]] | None,
    ) -> None:
        self.features = FeatureStream()
        self._fuser, self._image = fuser, image
        self._streams = {name: AgreementStream() for name in names}

    def look(self) -> Iterator[int]:
        """Yield the position of each frame once it has been taken in."""
        label: IdMap | None = None
        for position in range(len(self._fuser.evidence.frames)):
            label = self._fuser.answer(position, label, thin=True)
            self.features.update(label, None if self._image is None else self._image(position))
            maps = self._fuser.evidence.read(position, thin=True)
            for stream, id_map in zip(self._streams.values(), maps, strict=True):
                if id_map is not None:
                    stream.update(label, id_map)
            yield position

    def of_video(self) -> dict[str, float | None]:
        """Return each member's agreement over the video."""
        return self._present({name: stream.video() for name, stream in self._streams.items()})

    def of_object(self, object_id: int) -> dict[str, float | None]:
        """Return each member's agreement on an object."""
        return self._present({n: stream.object(object_id) for n, stream in self._streams.items()})

    def of_frame(self) -> dict[str, float | None]:
        """Return each member's agreement over the last frames."""
        return self._present({name: stream.frame() for name, stream in self._streams.items()})

    @staticmethod
    def _present(agreements: dict[str, float | None]) -> dict[str, float | None]:
        """Leave out members without masks, unless no member has any or nothing was seen."""
        present = {name: value for name, value in agreements.items() if value is not None}
        return dict(present) or agreements
