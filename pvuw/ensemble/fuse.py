"""Pseudo-label fusion: consistency, confidence and votes, frame by frame in constant memory.

The report of the system this follows (arXiv 2504.08306) names these three steps without formulas;
`docs/ensemble.md` says what is ours.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pvuw.ensemble.combinations import IdMap
from pvuw.ensemble.evidence import Confidences, Evidence, Frames
from pvuw.ensemble.pixels import paint, paint_smoothly
from pvuw.ensemble.voting import Ballot

LEAST_CONSISTENCY = 0.05
"""Added to agreement, so that a member that agrees with nobody still has a small vote."""

Array = NDArray[np.float64]


def vote(frames: Frames, weights: Sequence[float]) -> Iterator[IdMap]:
    """Yield the id map of each frame by votes on single pixels, and nothing else.

    Args:
        frames: The video.
        weights: Votes of each member; all 1: the majority. Ties go to the member listed first.
    """
    ballot = Ballot.uniform(weights)
    for position in range(len(frames)):
        yield paint(frames.read(position), ballot, size_hw=frames.size_hw)


def fuse(
    frames: Frames, weights: Sequence[float], confidences: Confidences | None = None
) -> Iterator[IdMap]:
    """Yield the pseudo-label of each frame; the video is read twice.

    Args:
        frames: The video.
        weights: Historical performance of each member, as votes.
        confidences: What members think of their masks.
    """
    yield from Fuser(Evidence(frames, weights), confidences).answers()


class Fuser:
    """Gives each frame its pseudo-label.

    The votes of member m on object k in frame t are

        h_m * q_mkt * (0.05 + c_mkt) ** 2

    with h its historical performance, c its agreement with the others (`consistency`) and q its own
    confidence; where it has none, the mean of those of the others, so that silence is no advantage.

    Args:
        evidence: The members, ids put right.
        confidences: What members think of their masks.
        weights: Historical performance of each member; default: what the evidence was taken with.
        learnt: Votes of each member by object, predicted from recorded performance. They take the
            place of history and agreement: agreement is among what they were predicted from, and
            counting it twice would outvote a member that is right alone.
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
        self._history: Array = np.asarray(given, dtype=np.float64) * evidence.matching.shares
        consistent = (LEAST_CONSISTENCY + evidence.consistency) ** 2
        self._votes: Array = self._history[None, :, None] * consistent  # [B, M, K]
        if learnt:
            mean = np.mean(list(learnt.values()), axis=0)
            votes = [learnt.get(object_id, mean) for object_id in evidence.object_ids]
            shares = evidence.matching.shares
            self._history = mean * shares
            self._votes = np.broadcast_to(np.transpose(votes) * shares[:, None], consistent.shape)

    def answers(self) -> Iterator[IdMap]:
        """Yield the id map of each frame, uint8 `[H, W]`."""
        previous = None
        for position in range(len(self.evidence.frames)):
            previous = self.answer(position, previous)
            yield previous

    def answer(self, position: int, previous: IdMap | None, *, thin: bool = False) -> IdMap:
        """Return the id map of a frame, given that of the frame before."""
        maps = self.evidence.read(position, thin=thin)
        shape = next((m.shape for m in maps if m is not None), self.evidence.frames.size_hw)
        size_hw = (shape[0], shape[1])
        return paint_smoothly(maps, self.ballot(position), size_hw=size_hw, previous=previous)

    def ballot(self, position: int) -> Ballot:
        """Return what each member's word counts in a frame."""
        ids = self.evidence.object_ids
        weights = np.repeat(self._history[:, None], 256, axis=1)
        confidence, has_opinion = self._confidence(position)
        bins = self.evidence.bin_of(position)
        weights[:, ids] = self._votes[bins] * confidence
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
