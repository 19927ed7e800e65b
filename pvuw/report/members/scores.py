"""What each member scores on one video, and what the answer gained over them."""

from collections.abc import Sequence
from dataclasses import dataclass

from pvuw.metrics.report import ObjectRow, summarise
from pvuw.pages.words import join_names
from pvuw.report.members.facts import EnsembleFacts
from pvuw.report.sides import SideFacts


@dataclass(frozen=True)
class ScoreLine:
    """Mean scores of the answer or of a member on one video."""

    label: str
    rows: tuple[ObjectRow, ...]
    """Of each object; empty: not scored."""

    @property
    def jf(self) -> float:
        """J&F, the mean over the objects."""
        return summarise(self.rows).jf


@dataclass(frozen=True)
class Scores:
    """What is scored of one video."""

    answer: ScoreLine
    members: tuple[ScoreLine, ...]
    """Of those members that are scored."""
    unscored: tuple[str, ...]
    """Names of those that lack a mask."""

    @property
    def best(self) -> ScoreLine:
        """The member that scores highest."""
        return max(self.members, key=lambda line: line.jf)

    @property
    def mean(self) -> float:
        """Mean J&F of the members."""
        return sum(line.jf for line in self.members) / len(self.members)


def score_members(video_id: str, answer: SideFacts, facts: EnsembleFacts) -> Scores | None:
    """Return what answer and members score; None without truth, or if either has no score.

    Args:
        video_id: The video.
        answer: Scored against the truth.
        facts: The members, scored alike.
    """
    lines = [_line(member.name, video_id, member.side) for member in facts.members]
    scored = tuple(line for line in lines if line.rows)
    first = _line("answer", video_id, answer)
    if not scored or not first.rows:
        return None
    return Scores(first, scored, tuple(line.label for line in lines if not line.rows))


def tell_scores(scores: Scores) -> str:
    """Return what the answer gained or lost, in words.

    Example:
        >>> row = lambda jf: (ObjectRow("v", 1, 3, jf, jf),)
        >>> one, two = ScoreLine("sam2", row(0.8)), ScoreLine("xmem", row(0.7))
        >>> tell_scores(Scores(ScoreLine("answer", row(0.79)), (one, two), ()))
        "J&F of the answer 0.790: 0.040 above its members' mean (0.750), 0.010 below the best of \
them, sam2 (0.800)."
    """
    jf, best = scores.answer.jf, scores.best
    words = (
        f"J&F of the answer {jf:.3f}: {compare(jf, scores.mean)} its members' mean "
        f"({scores.mean:.3f}), {compare(jf, best.jf)} the best of them, {best.label} "
        f"({best.jf:.3f})."
    )
    if scores.unscored:
        words += f" Not scored, as masks are missing: {join_names(scores.unscored)}."
    return words


def compare(one: float, other: float) -> str:
    """Return how much above or below one number is.

    Example:
        >>> compare(0.5, 0.25), compare(0.5, 0.5)
        ('0.250 above', 'as good as')
    """
    difference = round(one - other, 3)
    if not difference:
        return "as good as"
    return f"{abs(difference):.3f} {'above' if difference > 0 else 'below'}"


def score_table(scores: Scores, object_ids: Sequence[int]) -> list[list[str]]:
    """Return rows of text: label, J&F, J, F, then J&F of each object; empty for none.

    Args:
        scores: Of answer and members, in this order.
        object_ids: The columns.
    """
    return [_cells(line, object_ids) for line in (scores.answer, *scores.members)]


def _cells(line: ScoreLine, object_ids: Sequence[int]) -> list[str]:
    mean = summarise(line.rows)
    by_object = {row.object_id: f"{row.jf:.3f}" for row in line.rows}
    figures = [f"{value:.3f}" for value in (mean.jf, mean.j, mean.f)]
    return [line.label, *figures, *(by_object.get(i, "") for i in object_ids)]


def _line(label: str, video_id: str, side: SideFacts) -> ScoreLine:
    ids = [] if side.scores is None else side.scores.object_ids
    rows = [side.row(video_id, object_id) for object_id in ids]
    return ScoreLine(label, tuple(row for row in rows if row is not None))
