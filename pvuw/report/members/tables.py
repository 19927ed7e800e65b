"""Members over all videos: how often each was followed, and what choosing gained."""

from collections.abc import Sequence
from dataclasses import dataclass

from pvuw.metrics.report import Summary, summarise
from pvuw.report.entry import VideoSummary
from pvuw.report.members.scores import Scores
from pvuw.report.members.summary import EnsembleSummary
from pvuw.report.settings import ReportSettings


@dataclass(frozen=True)
class MemberLine:
    """One member over all videos."""

    name: str
    share_followed: float
    """Share of frames in which it is followed, or nearest to the answer."""
    num_videos: int
    """In which it is, anywhere."""
    agreement: float | None
    """Mean IoU with the answer; None: it never speaks."""
    overruled: float | None
    """Share of frames and objects; None: nothing was compared."""
    silent: int
    """Frames without a mask."""
    mean: Summary | None
    """Scores over the videos that all members have masks of; None: not scored there."""


@dataclass(frozen=True)
class MemberTable:
    """All members of an ensemble."""

    lines: list[MemberLine]
    followed: bool
    """Whether members are followed; else they vote, and one is nearest."""
    any_scores: bool
    """Whether any video has scores of members."""
    answer: Summary | None
    """Scores over the videos that all members have masks of; None: there is none."""
    best: Summary | None
    """Those of the best member of each."""
    num_objects: int
    """Objects that these scores are over."""
    left_out: int
    """Videos with scores that a member lacks masks of."""


def sum_up_members(videos: Sequence[VideoSummary], settings: ReportSettings) -> MemberTable | None:
    """Return the members over all videos; None where the prediction has none."""
    found = [video.ensemble for video in videos if video.ensemble is not None]
    if settings.ensemble is None or not found:
        return None
    scored = [summary.scores for summary in found if summary.scores is not None]
    complete = [scores for scores in scored if not scores.unscored]
    answers = [row for scores in complete for row in scores.answer.rows]
    best = [row for scores in complete for row in scores.best.rows]
    return MemberTable(
        [_line(source.label, found, complete) for source in settings.ensemble.members],
        any(summary.followed for summary in found),
        bool(scored),
        summarise(answers) if answers else None,
        summarise(best) if best else None,
        len(answers),
        len(scored) - len(complete),
    )


def _line(name: str, found: Sequence[EnsembleSummary], complete: Sequence[Scores]) -> MemberLine:
    own = [
        (member, summary) for summary in found for member in summary.members if member.name == name
    ]
    frames = sum(summary.num_frames for _, summary in own)
    followed = sum(member.share_followed * summary.num_frames for member, summary in own)
    known = [member.agreement for member, _ in own if member.agreement is not None]
    compared = sum(member.compared for member, _ in own)
    overruled = sum(member.overruled for member, _ in own)
    lines = (line for scores in complete for line in scores.members if line.label == name)
    rows = [row for line in lines for row in line.rows]
    return MemberLine(
        name,
        followed / frames,
        sum(member.share_followed > 0 for member, _ in own),
        sum(known) / len(known) if known else None,
        overruled / compared if compared else None,
        sum(member.silent for member, _ in own),
        summarise(rows) if rows else None,
    )
