"""One label for each combination of what members say."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
NEAR_TIE = 0.1
"""Lead over the second, as a share of all votes, below which neighbours are asked too."""
_PRIORITY = 1e-7  # of the largest vote: decides exact ties and nothing else


@dataclass(frozen=True)
class Ballot:
    """What each member's word counts in one frame, for each id."""

    weights: Array
    """Votes, `[M, 256]`."""
    has_opinion: NDArray[np.bool_]
    """False where a member cannot see an object, `[M, 256]`: its silence is no vote against it."""

    @classmethod
    def uniform(cls, votes: Sequence[float] | Array) -> "Ballot":
        """Return one with the same number of votes for every id, and opinions on all."""
        weights = np.repeat(np.asarray(votes, dtype=np.float64)[:, None], 256, axis=1)
        return cls(weights, np.ones(weights.shape, dtype=np.bool_))


@dataclass(frozen=True)
class Verdict:
    """The label of each combination, `[C]` each."""

    best: NDArray[np.uint8]
    second: NDArray[np.uint8]
    near_tie: NDArray[np.bool_]
    """Whether the best leads the second by too little to go by votes alone."""
    share: Array
    """Share of the votes that the best has less that of the second, 0..1."""


def decide(labels: NDArray[np.int16], ballot: Ballot) -> Verdict:
    """Return the label with most votes for each combination.

    A member that names an object gives it the votes its word has for that object. One that says
    background gives background the mean of the votes its word has for the objects that others
    name there and that it has an opinion on; with an opinion on none of them it has no vote. Exact
    ties go to the label that the member listed first names.

    Args:
        labels: What members say, `[C, M]`: ids, 0 background, -1 no mask.
        ballot: What their word counts.

    Example:
        >>> ballot = Ballot.uniform([1, 1, 1])
        >>> decide(np.int16([[7, 7, 0], [7, 0, 0], [7, 0, -1]]), ballot).best.tolist()
        [7, 0, 7]
    """
    ids = np.unique(labels[labels > 0])
    columns = np.concatenate([[0], ids]).astype(np.uint8)
    named = (labels[:, :, None] == ids).astype(np.float64)  # [C, M, K]
    votes = ballot.weights[:, ids] * ballot.has_opinion[:, ids]
    objects = np.einsum("cmk,mk->ck", named, ballot.weights[:, ids])
    candidates = named.any(axis=1).astype(np.float64)
    known = candidates @ ballot.has_opinion[:, ids].T.astype(np.float64)  # [C, M]
    against = (candidates @ votes.T) / np.maximum(known, 1.0)
    silent = labels == 0
    scores = np.concatenate([(against * silent).sum(1, keepdims=True), objects], axis=1)
    total = scores.sum(axis=1)
    voted = np.concatenate([(silent & (known > 0))[:, :, None], named > 0], axis=2)
    priority = 2.0 ** -np.arange(labels.shape[1])
    scores += _PRIORITY * scores.max(initial=0.0) * np.einsum("cmk,m->ck", voted, priority)
    return _rank(scores, total, columns)


def _rank(scores: Array, total: Array, columns: NDArray[np.uint8]) -> Verdict:
    rows = np.arange(len(scores))
    best = scores.argmax(axis=1)
    top = scores[rows, best]
    rest = scores.copy()
    rest[rows, best] = -1.0
    second = rest.argmax(axis=1)
    lead = (top - np.maximum(rest[rows, second], 0.0)) / np.maximum(total, 1e-12)
    return Verdict(columns[best], columns[second], (lead < NEAR_TIE) & (total > 0), lead)
