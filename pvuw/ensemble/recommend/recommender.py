"""Which member to trust: each one's J&F as predicted from what the video looks like.

The challenge report says that a member is recommended by features of the video and a performance
database, and not how. This reading is ours; docs/ensemble_study.md measures it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pvuw.ensemble.recommend.database import PerformanceRow
from pvuw.ensemble.recommend.features import FEATURE_NAMES, Features
from pvuw.ensemble.recommend.priors import prior_of
from pvuw.ensemble.recommend.regression import Array, LinearFit, fit_linear

MIN_ROWS = 12
"""Rows of a member below which published figures speak for it."""
_MOST_SHARED = 0.95
_INPUTS = (
    *FEATURE_NAMES,
    "agreement",
    "agreement of all members",
    *(f"disagreement where {name} is high" for name in FEATURE_NAMES),
)


@dataclass(frozen=True)
class Estimate:
    """What a member is expected to score on a video, object or window."""

    member: str
    expected: float
    """J&F, 0..1."""
    uncertainty: float
    """Standard deviation of the true J&F about it."""
    num_rows: int
    """Recorded rows it was learnt from; 0: `basis` names a published figure."""
    basis: str
    """In words, where it comes from."""
    parts: dict[str, float]
    """What each input adds to the member's mean; empty where nothing was learnt."""


@dataclass(frozen=True)
class Recommendation:
    """The member to trust, and why."""

    member: str
    expected: float
    uncertainty: float
    reason: str
    """One sentence or two."""
    estimates: tuple[Estimate, ...]
    """All members, best first."""
    shared_error: float = 0.0
    """Correlation of the members' errors of estimate: a hard video is hard for all of them."""

    def vote_weights(self) -> dict[str, float]:
        """Return how much each member's vote counts, in sum 1: how likely it is the best one.

        `exp(pi e / (sqrt(6) s))`, scaled, with expected J&F e and s the root mean square of the
        uncertainties, less what the members' errors share: `s = rms * sqrt(1 - correlation)`. That
        is the chance where the true values lie about the expected ones in Gumbel distributions of
        standard deviation s (McFadden, 1974). Sure of one member, this is selection; unsure, it is
        the plain majority.

        Example:
            >>> one = Recommender([]).recommend(None, {"xmem": None, "sam2": None})
            >>> {member: round(weight, 2) for member, weight in one.vote_weights().items()}
            {'sam2': 0.71, 'xmem': 0.29}
        """
        spread = math.sqrt(sum(e.uncertainty**2 for e in self.estimates) / len(self.estimates))
        spread *= math.sqrt(1 - self.shared_error)
        steepness = math.pi / (math.sqrt(6) * max(spread, 1e-3))
        best = self.estimates[0].expected
        votes = {e.member: math.exp(steepness * (e.expected - best)) for e in self.estimates}
        return {member: vote / sum(votes.values()) for member, vote in votes.items()}


class Recommender:
    """Predicts the members' J&F and names the best.

    Per member a Bayesian linear regression of J&F on the features, on its agreement with the
    pseudo-label, on that of all members (is the video disputed?), and on products of disagreement
    and features (a member that differs may be wrong or the only one right, depending on the video).
    A second regression on features alone serves where agreement is unknown. Members with fewer
    than twelve rows are rated by what was published of them, and the reason says so. The posterior
    starts from the published figure in either case.

    Args:
        rows: What is recorded, of one level and one protocol: those of videos to choose per video,
            and so on. A level is never judged by rows of another one.

    Raises:
        ValueError: If the rows are of several levels or protocols.
    """

    def __init__(self, rows: Sequence[PerformanceRow]) -> None:
        kinds = sorted({(row.level, row.protocol) for row in rows})
        if len(kinds) > 1:
            raise ValueError(f"rows must be of one level and one protocol, got {kinds}")
        self._num_rows: dict[str, int] = {}
        self._plain: dict[str, LinearFit] = {}
        self._agreeing: dict[str, LinearFit] = {}
        for member in sorted({row.member for row in rows}):
            own = [row for row in rows if row.member == member]
            self._num_rows[member] = len(own)
            self._fit(member, own)
        self._shared_error = self._correlation(rows)

    def _fit(self, member: str, rows: Sequence[PerformanceRow]) -> None:
        prior = prior_of(member)
        plain = [(row.features.vector, row.jf) for row in rows]
        agreeing = [
            (_inputs(row.features, row.agreement, row.consensus), row.jf)
            for row in rows
            if row.agreement is not None and row.consensus is not None
        ]
        for examples, fits in ((plain, self._plain), (agreeing, self._agreeing)):
            if len(examples) >= MIN_ROWS:
                fits[member] = fit_linear(
                    np.array([inputs for inputs, _ in examples]),
                    np.array([jf for _, jf in examples]),
                    bias=prior.jf,
                    bias_spread=prior.uncertainty,
                )

    def estimate(
        self,
        member: str,
        features: Features | None,
        *,
        agreement: float | None = None,
        consensus: float | None = None,
    ) -> Estimate:
        """Return what one member is expected to score.

        Args:
            member: Its name, as it was recorded.
            features: What the video, object or window looks like; None: not known, the published
                figure is used.
            agreement: Mean IoU of its masks with the pseudo-label, 0..1; None: not known.
            consensus: Mean agreement of all members; None: not known.
        """
        if features is None:
            return self._published(member)
        fit, inputs = self._plain.get(member), features.vector
        if agreement is not None and consensus is not None and member in self._agreeing:
            fit, inputs = self._agreeing[member], _inputs(features, agreement, consensus)
        if fit is None:
            return self._published(member)
        expected, uncertainty = fit.predict(inputs)
        parts = fit.mean[1:] * fit.standardise(inputs)
        rows = self._num_rows[member]
        return Estimate(
            member,
            expected=min(max(expected, 0.0), 1.0),
            uncertainty=uncertainty,
            num_rows=rows,
            basis=f"{rows} recorded rows",
            parts=dict(zip(_INPUTS, parts.tolist(), strict=False)),
        )

    def recommend(
        self, features: Features | None, agreements: Mapping[str, float | None]
    ) -> Recommendation:
        """Return the member with the highest expected J&F.

        Args:
            features: What the video, object or window looks like; None: not known.
            agreements: The members to choose from, each with the mean IoU of its masks with the
                pseudo-label, or None where that is not known. Of equals the first one is taken.

        Raises:
            ValueError: If there is no member.
        """
        if not agreements:
            raise ValueError("no member to choose from")
        known = [agreement for agreement in agreements.values() if agreement is not None]
        consensus = sum(known) / len(known) if known else None
        found = [
            self.estimate(member, features, agreement=agreement, consensus=consensus)
            for member, agreement in agreements.items()
        ]
        ranked = tuple(sorted(found, key=lambda one: -one.expected))
        best = ranked[0]
        return Recommendation(
            best.member,
            best.expected,
            best.uncertainty,
            _reason(ranked, agreements),
            ranked,
            self._shared_error,
        )

    def _correlation(self, rows: Sequence[PerformanceRow]) -> float:
        """Return the mean correlation of two members' errors on the same piece, 0..0.95."""
        errors: dict[tuple[str, str, int], list[float]] = {}
        for row in rows:
            one = self.estimate(
                row.member, row.features, agreement=row.agreement, consensus=row.consensus
            )
            if one.num_rows:
                piece = errors.setdefault((row.data_set, row.video_id, row.part), [])
                piece.append(row.jf - one.expected)
        several = [np.array(piece) for piece in errors.values() if len(piece) > 1]
        if len(several) < MIN_ROWS:
            return 0.0
        pairs = [(e.sum() ** 2 - (e**2).sum()) / (len(e) * (len(e) - 1)) for e in several]
        square = np.mean([float((e**2).mean()) for e in several])
        return float(np.clip(np.mean(pairs) / max(float(square), 1e-9), 0.0, _MOST_SHARED))

    def _published(self, member: str) -> Estimate:
        prior, rows = prior_of(member), self._num_rows.get(member, 0)
        basis = f"published figure, as only {rows} rows are recorded ({prior.source})"
        return Estimate(member, prior.jf, prior.uncertainty, 0, basis, {})


class Hysteresis:
    """Keeps to a member from frame to frame, so that tracks do not flicker.

    It changes once another member is expected to be better by `margin` in each of `patience` frames
    in a row, and at once where the current member is no longer among the choices.

    Args:
        margin: J&F.
        patience: Frames, at least 1.

    Example:
        >>> keep = Hysteresis(margin=0.1, patience=2)
        >>> good, bad = {"sam2": None, "xmem": None}, {"xmem": None}
        >>> choice = Recommender([])
        >>> [keep.step(choice.recommend(None, m)).member for m in (bad, good, good, good)]
        ['xmem', 'xmem', 'sam2', 'sam2']
    """

    def __init__(self, *, margin: float = 0.03, patience: int = 3) -> None:
        if patience < 1:
            raise ValueError(f"patience must be at least 1, got {patience}")
        self._margin, self._patience = margin, patience
        self._current: str | None = None
        self._better_for = 0

    def step(self, recommendation: Recommendation) -> Recommendation:
        """Return the next frame's recommendation, changed to the member that is kept to."""
        current = {one.member: one for one in recommendation.estimates}.get(self._current or "")
        if current is None:
            return self._change(recommendation)
        gain = recommendation.expected - current.expected
        self._better_for = self._better_for + 1 if gain > self._margin else 0
        if recommendation.member == current.member or self._better_for >= self._patience:
            return self._change(recommendation)
        reason = (
            f"{current.member} is kept to: {recommendation.member} is expected to be better by "
            f"{gain:.3f}, for {self._better_for} frames"
        )
        return replace(
            recommendation,
            member=current.member,
            expected=current.expected,
            uncertainty=current.uncertainty,
            reason=reason,
        )

    def _change(self, recommendation: Recommendation) -> Recommendation:
        self._current, self._better_for = recommendation.member, 0
        return recommendation


def _inputs(features: Features, agreement: float, consensus: float) -> Array:
    """Return the inputs of the regression where agreement is known, in the order of `_INPUTS`."""
    vector = features.vector
    return np.concatenate([vector, [agreement, consensus], (1 - agreement) * vector])


def _reason(ranked: Sequence[Estimate], agreements: Mapping[str, float | None]) -> str:
    best = ranked[0]
    agreement = agreements[best.member]
    text = f"{best.member}: J&F {best.expected:.2f} ± {best.uncertainty:.2f} expected"
    if len(ranked) > 1:
        text += f", {best.expected - ranked[1].expected:.2f} more than {ranked[1].member}"
    text += f"; from {best.basis}"
    if best.parts and agreement is not None:
        text += f"; agrees with the pseudo-label by {agreement:.2f}"
    return text + _telling_input(ranked)


def _telling_input(ranked: Sequence[Estimate]) -> str:
    """Say which input speaks most for the first member and against the second."""
    if len(ranked) < 2 or not (ranked[0].parts and ranked[1].parts):
        return ""
    first, second = ranked[0].parts, ranked[1].parts
    gains = {name: first[name] - second[name] for name in first.keys() & second.keys()}
    name = max(sorted(gains), key=lambda key: gains[key])
    if gains[name] < 0.005:
        return ""
    return f"; most for it and against {ranked[1].member}: {name} (+{gains[name]:.2f})"
