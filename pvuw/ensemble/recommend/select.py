"""Which member to follow: per video, per object or per frame, and why, in words and numbers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pvuw.ensemble.fuse.evidence import Evidence
from pvuw.ensemble.fuse.fusion import Fuser
from pvuw.ensemble.fuse.pixels import Compared, paint
from pvuw.ensemble.fuse.voting import Ballot
from pvuw.ensemble.recommend.agreement import AgreementStream, compare_with
from pvuw.ensemble.recommend.features import Features, FeatureStream
from pvuw.ensemble.recommend.recommender import Estimate, Hysteresis, Recommendation, Recommender
from pvuw.io.mask_store import IdMap
from pvuw.io.prefetch import prefetch

Granularity = Literal["video", "object", "frame"]
_RANK_FACTOR = 4.0
"""Votes of a member for one vote of the next one: more than all later ones have together."""
_HUNCH = 0.15
"""Standard deviation stated for an estimate that rests on no record; a round guess."""

Agreements = Mapping[str, float | None]
Judge = Callable[[Features, Agreements], Recommendation]


def judge_by_weight(weights: Mapping[str, float]) -> Judge:
    """Return a judge that goes by each member's weight, and by agreement between equal ones.

    Agreement with the pseudo-label alone says little about who is right (docs/ensemble_study.md).
    What is stated as expected is a rank in 0..1, no measured J&F: members of the next higher weight
    begin where those of the lower one end.
    """
    levels = sorted(set(weights.values()))

    def judge(features: Features, agreements: Agreements) -> Recommendation:
        del features
        estimates = [
            Estimate(
                name,
                expected=(levels.index(weights[name]) + (agreement or 0.0)) / len(levels),
                uncertainty=_HUNCH,
                num_rows=0,
                basis="weight and agreement with the pseudo-label",
                parts={},
            )
            for name, agreement in agreements.items()
        ]
        ranked = tuple(sorted(estimates, key=lambda one: (-weights[one.member], -one.expected)))
        reason = _reason([one.member for one in ranked], weights, agreements)
        best = ranked[0]
        return Recommendation(best.member, best.expected, best.uncertainty, reason, ranked)

    return judge


def _reason(ranked: Sequence[str], weights: Mapping[str, float], agreements: Agreements) -> str:
    best, others = ranked[0], ranked[1:]
    text = f"{best}: agrees with the pseudo-label by {agreements[best] or 0:.2f}"
    if others:
        text += f", {others[0]} by {agreements[others[0]] or 0:.2f}"
    if others and weights[best] > weights[others[0]]:
        text += f"; has the highest weight, {weights[best]:g}"
    return text


def judge_by_record(recommender: Recommender) -> Judge:
    """Return a judge that goes by recorded performance on videos of this kind."""
    return recommender.recommend


@dataclass
class Following:
    """Whom to follow in one video."""

    granularity: Granularity
    pieces: list[tuple[int, Recommendation]]
    """What for and why: (0, …) for the video; by object id; or by the first frame of a stretch."""
    names: list[str]
    """The members, `M`."""

    def order(self, position: int) -> list[int]:
        """Return the members to follow in a frame, first choice first; none per object."""
        recommendation = self._latest(position)
        if self.granularity == "object" or recommendation is None:
            return []
        return [self.names.index(name) for name in _order(recommendation)]

    def ballot(self, position: int) -> Ballot:
        """Return votes by rank: whoever is preferred outvotes all others together.

        A member without a mask in the frame leaves its place to the next one.
        """
        if self.granularity == "object":
            ballot = Ballot.uniform(self._votes(None))
            for object_id, recommendation in self.pieces:
                ballot.weights[:, object_id] = self._votes(recommendation)
            return ballot
        return Ballot.uniform(self._votes(self._latest(position)))

    def _latest(self, position: int) -> Recommendation | None:
        """Return the choice for a frame, where it is made by frames or for the video."""
        latest = [r for first, r in self.pieces if first <= position]
        return latest[-1] if latest else None

    def _votes(self, recommendation: Recommendation | None) -> NDArray[np.float64]:
        votes = np.full(len(self.names), _RANK_FACTOR ** -len(self.names))
        if recommendation is None:
            return votes
        for rank, name in enumerate(_order(recommendation)):
            votes[self.names.index(name)] = _RANK_FACTOR**-rank
        return votes


def _order(recommendation: Recommendation) -> list[str]:
    """Return the members, first choice first."""
    first = recommendation.member
    return [first, *(e.member for e in recommendation.estimates if e.member != first)]


def select(
    fuser: Fuser,
    names: Sequence[str],
    judge: Judge,
    *,
    granularity: Granularity = "video",
    image: Callable[[int], NDArray[np.uint8]] | None = None,
) -> Following:
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
        return Following(granularity, pieces, list(names))
    for _ in watched.look():
        pass
    if granularity == "video":
        whole = judge(watched.features.video(), watched.of_video())
        return Following(granularity, [(0, whole)], list(names))
    objects = [
        (object_id, judge(watched.features.object(object_id), watched.of_object(object_id)))
        for object_id in watched.features.object_ids
    ]
    return Following(granularity, objects, list(names))


def follow(evidence: Evidence, selection: Following) -> Iterator[IdMap]:
    """Yield the id map of each frame of those that are followed, not to be changed.

    Args:
        evidence: The members, ids put right.
        selection: Whom to follow.
    """

    def look(position: int) -> IdMap | Compared:
        for member in selection.order(position):
            if (id_map := evidence.read_member(position, member)) is not None:
                return id_map
        return evidence.compare(position)

    for position, found in enumerate(prefetch(look, len(evidence.frames), depth=2, threads=2)):
        if isinstance(found, Compared):
            yield paint(found, selection.ballot(position))
        else:
            yield found


@dataclass(frozen=True)
class _Seen:
    """What the second look finds in a frame ahead of its turn."""

    compared: Compared
    maps: list[IdMap | None]
    """Thinned-out id map of each member."""
    image: NDArray[np.uint8] | None


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
        evidence = self._fuser.evidence
        for position, seen in enumerate(
            prefetch(self._see, len(evidence.frames), depth=2, threads=2)
        ):
            label = self._fuser.decide(position, seen.compared, label)
            self.features.update(label, seen.image)
            found = compare_with(label, seen.maps)
            for stream, ious in zip(self._streams.values(), found.ious, strict=True):
                if ious is not None:
                    stream.take(ious, found.label_ids)
            yield position

    def _see(self, position: int) -> _Seen:
        evidence = self._fuser.evidence
        image = None if self._image is None else self._image(position)
        return _Seen(evidence.compare_thin(position), evidence.read_thin(position), image)

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
