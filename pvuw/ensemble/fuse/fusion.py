"""Pseudo-label fusion: ids put right, history, confidence, votes; constant memory.

The report of the system this follows (arXiv 2504.08306) names a check of consistency, weights from
historical performance and confidence, and votes, all without formulas; `docs/ensemble.md` says what
is ours.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pvuw.ensemble.fuse.evidence import Confidences, Evidence, Frames
from pvuw.ensemble.fuse.pixels import Compared, compare, paint, paint_smoothly
from pvuw.ensemble.fuse.voting import Ballot
from pvuw.io.mask_store import IdMap
from pvuw.io.prefetch import prefetch

Array = NDArray[np.float64]


def vote(frames: Frames, weights: Sequence[float]) -> Iterator[IdMap]:
    """Yield the id map of each frame by votes on single pixels, and nothing else.

    Args:
        frames: The video.
        weights: Votes of each member; all 1: the majority. Ties go to the member listed first.
    """
    ballot = Ballot.uniform(weights)

    def look(position: int) -> Compared:
        return compare(frames.read(position), size_hw=frames.size_hw)

    for compared in prefetch(look, len(frames), depth=2, threads=2):
        yield paint(compared, ballot)


class Fuser:
    """Gives each frame its pseudo-label.

    The votes of member m on object k in frame t are

        h_m * q_mkt

    with h its historical performance, shared with members that never differ from it, and q its own
    confidence; where it has none, the mean of those of the others, so that silence is no advantage.
    How far a member agrees with the others is no vote: whoever agrees most fails where most fail
    (docs/ensemble_study.md).

    Args:
        evidence: The members, ids put right.
        confidences: What members think of their masks.
        weights: Historical performance of each member; default: what the evidence was taken with.
        learnt: Votes of each member by object, predicted from recorded performance (and from
            agreement); they take the place of history.
    """

    def __init__(
        self,
        evidence: Evidence,
        confidences: Confidences | None = None,
        *,
        weights: Sequence[float] | None = None,
        learnt: Mapping[int, Sequence[float]] | None = None,
    ) -> None:
        self.evidence = evidence
        self.confidences = confidences
        given = evidence.weights if weights is None else weights
        ids, shares = set(evidence.object_ids), evidence.matching.shares
        everywhere = np.asarray(given, dtype=np.float64)
        by_object = dict(learnt or {})
        if by_object:
            everywhere = np.mean(list(by_object.values()), axis=0)
        self._votes: Array = np.repeat((everywhere * shares)[:, None], 256, axis=1)  # [M, 256]
        for object_id in by_object.keys() & ids:
            self._votes[:, object_id] = by_object[object_id] * shares

    def answers(self) -> Iterator[IdMap]:
        """Yield the id map of each frame, uint8 `[H, W]`."""
        previous = None
        found = prefetch(self.evidence.compare, len(self.evidence.frames), depth=2, threads=2)
        for position, compared in enumerate(found):
            previous = self.decide(position, compared, previous)
            yield previous

    def answer(self, position: int, previous: IdMap | None) -> IdMap:
        """Return the id map of a frame, given that of the frame before."""
        return self.decide(position, self.evidence.compare(position), previous)

    def decide(self, position: int, compared: Compared, previous: IdMap | None) -> IdMap:
        """Return the id map of a frame that has been compared already, in full or thinned out."""
        return paint_smoothly(compared, self.ballot(position), previous=previous)

    def ballot(self, position: int) -> Ballot:
        """Return what each member's word counts in a frame."""
        ids = self.evidence.object_ids
        weights = self._votes.copy()
        confidence, has_opinion = self._confidence(position)
        weights[:, ids] *= confidence
        opinions = np.ones(weights.shape, dtype=np.bool_)
        opinions[:, ids] = has_opinion
        return Ballot(weights, opinions)

    def _confidence(self, position: int) -> tuple[Array, NDArray[np.bool_]]:
        """Return own confidence and whether there is an opinion, `[M, K]` each."""
        ids = self.evidence.object_ids
        shape = (len(self.evidence.weights), len(ids))
        if self.confidences is None:
            return np.ones(shape), np.ones(shape, dtype=np.bool_)
        own, has_opinion = np.full(shape, np.nan), np.ones(shape, dtype=np.bool_)
        for member, said in enumerate(self.confidences.of_frame(position)):
            for object_id, value in self._with_real_ids(said, position, member).items():
                if object_id in ids:
                    slot = ids.index(object_id)
                    own[member, slot] = np.nan if value is None else value
                    has_opinion[member, slot] = value is not None
        known = ~np.isnan(own)
        mean = np.where(known, own, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        others = np.where(known.any(axis=0), mean, 1.0)
        return np.where(known, own, others), has_opinion

    def _with_real_ids(
        self, said: Mapping[int, float | None], position: int, member: int
    ) -> dict[int, float | None]:
        real = self.evidence.real_id
        return {real(position, member, object_id): value for object_id, value in said.items()}
