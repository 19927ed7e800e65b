"""Is one member so much better than the others that nothing is gained by listening to them?

Where one is, fusing and choosing lose a little to it: the others outvote it, and "put right" ids
that it had right (docs/ensemble_study.md). The rule is ours.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pvuw.ensemble.recommend.database import PerformanceRow
from pvuw.ensemble.recommend.recommender import MIN_ROWS, Estimate, Recommendation, Recommender

CLEARLY = 2.0
"""Standard errors that a leader is ahead of each other member."""
_FOLDS = 5
MIN_VIDEOS = math.ceil(MIN_ROWS * _FOLDS / (_FOLDS - 1))
"""Recorded videos below which nobody is taken for a leader: with one fold left out, a recommender
must still have as many as it asks for, or it chooses blindly and its loss says nothing."""

_VideoKey = tuple[str, str]
_Pieces = dict[_VideoKey, dict[int, dict[str, PerformanceRow]]]
"""By video and part, each member's row."""


@dataclass(frozen=True)
class Leader:
    """A member that is followed whatever the video."""

    member: str
    ahead: float
    """Mean J&F ahead of the next one."""
    gain: float
    """Mean J&F that choosing by the record gained on it, on videos the choice did not know."""
    gain_error: float
    """Standard error of that."""
    num_videos: int
    means: tuple[tuple[str, float, float], ...]
    """Member, mean and standard deviation of its J&F over videos, best first."""

    @property
    def recommendation(self) -> Recommendation:
        """To follow it, for every video."""
        reason = (
            f"{self.member}: {self.ahead:.3f} J&F ahead of every other member on "
            f"{self.num_videos} recorded videos, on which choosing gained {self.gain:+.3f} ± "
            f"{self.gain_error:.3f} on it; followed alone, its ids as they are"
        )
        estimates = tuple(
            Estimate(member, mean, spread, self.num_videos, "mean of the recorded videos", {})
            for member, mean, spread in self.means
        )
        best = estimates[0]
        return Recommendation(best.member, best.expected, best.uncertainty, reason, estimates)


def find_leader(rows: Sequence[PerformanceRow], names: Sequence[str]) -> Leader | None:
    """Return the member that leads the others so that choosing gains nothing on it, if one does.

    It must be ahead of each other member by two standard errors of the paired difference over
    videos; and choosing a member for each piece by the record, five-fold cross-validated by video,
    must not gain more than one standard error on following it alone.

    Args:
        rows: What is recorded, of one level and one protocol.
        names: The members to choose from; one that is not recorded may be better than all.
    """
    return _find_leader(tuple(rows), tuple(names))


@lru_cache(maxsize=4)  # the same rows for every video of a command
def _find_leader(rows: tuple[PerformanceRow, ...], names: tuple[str, ...]) -> Leader | None:
    pieces = _pieces(rows, names)
    if len(pieces) < MIN_VIDEOS or len(names) < 2:
        return None
    scores = np.array([_means(parts, names) for parts in pieces.values()])  # [videos, M]
    best, second = np.argsort(-scores.mean(axis=0), kind="stable")[:2].tolist()
    leads = scores[:, [best]] - np.delete(scores, best, axis=1)
    if (leads.mean(axis=0) <= CLEARLY * _error(leads)).any():
        return None
    gains = _chosen(pieces, names) - scores[:, best]
    gain, error = float(gains.mean()), float(_error(gains))
    if gain > error:
        return None
    order = np.argsort(-scores.mean(axis=0), kind="stable").tolist()
    means, spreads = scores.mean(axis=0), scores.std(axis=0, ddof=1)
    return Leader(
        names[best],
        float(means[best] - means[second]),
        gain,
        error,
        len(pieces),
        tuple((names[m], float(means[m]), float(spreads[m])) for m in order),
    )


def _pieces(rows: Sequence[PerformanceRow], names: Sequence[str]) -> _Pieces:
    """Return the pieces on which every member is recorded."""
    found: _Pieces = {}
    for row in rows:
        if row.member in names:
            parts = found.setdefault((row.data_set, row.video_id), {})
            parts.setdefault(row.part, {})[row.member] = row
    whole = {
        key: {part: by for part, by in parts.items() if len(by) == len(names)}
        for key, parts in sorted(found.items())
    }
    return {key: parts for key, parts in whole.items() if parts}


def _means(parts: dict[int, dict[str, PerformanceRow]], names: Sequence[str]) -> list[float]:
    return [float(np.mean([by[name].jf for by in parts.values()])) for name in names]


def _chosen(pieces: _Pieces, names: Sequence[str]) -> NDArray[np.float64]:
    """Return each video's J&F, `[videos]`, if members are chosen by what other folds record."""
    keys = list(pieces)
    found = np.zeros(len(keys))
    for fold in range(_FOLDS):
        known = [
            row
            for position, key in enumerate(keys)
            if position % _FOLDS != fold
            for by in pieces[key].values()
            for row in by.values()
        ]
        recommender = Recommender(known)
        for position in range(fold, len(keys), _FOLDS):
            scores = []
            for by in pieces[keys[position]].values():
                agreements = {name: by[name].agreement for name in names}
                choice = recommender.recommend(by[names[0]].features, agreements)
                scores.append(by[choice.member].jf)
            found[position] = np.mean(scores)
    return found


def _error(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard error of the mean over videos."""
    error: NDArray[np.float64] = values.std(axis=0, ddof=1) / np.sqrt(len(values))
    return error
