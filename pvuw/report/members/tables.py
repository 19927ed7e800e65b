"""Members in the overview: how often each was followed, and what choosing gained."""

from collections.abc import Sequence
from html import escape

from pvuw.metrics.report import ObjectRow, summarise
from pvuw.pages.pieces import DASH, number, plural, table
from pvuw.report.entry import VideoSummary
from pvuw.report.members.scores import Scores
from pvuw.report.members.summary import EnsembleSummary, MemberSummary
from pvuw.report.settings import ReportSettings

Column = tuple[str, bool]


def member_section(videos: Sequence[VideoSummary], settings: ReportSettings) -> str:
    """Return the section on members, or nothing where the prediction has none."""
    found = [video.ensemble for video in videos if video.ensemble is not None]
    if settings.ensemble is None or not found:
        return ""
    names = [source.label for source in settings.ensemble.members]
    head = ["Member", _leading(found), "Agreement", "Overruled", "Frames without a mask"]
    scored = [summary.scores for summary in found if summary.scores is not None]
    complete = [scores for scores in scored if not scores.unscored]
    rows = [_member_cells(name, found) for name in names]
    if complete:
        head += ["J&amp;F", "J", "F"]
        rows = [[*row, *_mean_cells(_rows_of(row[0], complete))] for row in rows]
        blank = [DASH] * 4
        rows.append(["<b>the answer</b>", *blank, *_mean_cells(_answer_rows(complete))])
        best = [row for scores in complete for row in scores.best.rows]
        rows.append(["best member of each video", *blank, *_mean_cells(best)])
    return (
        '<section id="members"><h2>Members</h2>'
        f'<div class="scroll">{table(head, rows, css="figures")}</div>'
        f"<p><small>{_note(found, complete, len(scored))}</small></p></section>"
    )


def member_columns(videos: Sequence[VideoSummary], settings: ReportSettings) -> list[Column]:
    """Return the titles that members add to the table of videos."""
    found = [video.ensemble for video in videos if video.ensemble is not None]
    if settings.ensemble is None or not found:
        return []
    columns = [(_leading(found), False), ("Agreement", True), ("Contested", True)]
    if any(summary.scores for summary in found):
        columns += [("Best member", False), ("Gain on it", True), ("Gain on mean", True)]
    return columns


def member_cells(video: VideoSummary, columns: Sequence[Column]) -> list[str]:
    """Return one cell for each column that `member_columns` gave."""
    summary = video.ensemble
    if summary is None:
        return [DASH] * len(columns)
    cells = [
        _leaders(summary),
        number(summary.agreement, 3),
        DASH if summary.contested is None else f"{100 * summary.contested:.2f} %",
        *_gains(summary.scores),
    ]
    return cells[: len(columns)]


def _gains(scores: Scores | None) -> list[str]:
    if scores is None:
        return [DASH] * 3
    jf = scores.answer.jf
    best = f"{escape(scores.best.label)} {scores.best.jf:.4f}"
    return [best, f"{jf - scores.best.jf:+.4f}", f"{jf - scores.mean:+.4f}"]


def _leading(found: Sequence[EnsembleSummary]) -> str:
    return "Followed" if any(summary.followed for summary in found) else "Nearest"


def _leaders(summary: EnsembleSummary) -> str:
    shares = {member.name: member.share_followed for member in summary.members}
    if not summary.leaders:
        return DASH
    if len(summary.leaders) == 1:
        return escape(summary.leaders[0])
    parts = (f"{escape(name)} {100 * shares[name]:.0f} %" for name in summary.leaders)
    return ", ".join(parts)


def _member_cells(name: str, found: Sequence[EnsembleSummary]) -> list[str]:
    own = [
        (member, summary) for summary in found for member in summary.members if member.name == name
    ]
    members: list[MemberSummary] = [member for member, _ in own]
    frames = sum(summary.num_frames for _, summary in own)
    followed = sum(m.share_followed * summary.num_frames for m, summary in own)
    videos = sum(member.share_followed > 0 for member in members)
    compared = sum(member.compared for member in members)
    known = [m.agreement for m in members if m.agreement is not None]
    overruled = sum(member.overruled for member in members)
    return [
        escape(name),
        f"{100 * followed / frames:.0f} % of frames, {plural(videos, 'video')}",
        number(sum(known) / len(known) if known else None, 3),
        f"{100 * overruled / compared:.1f} %" if compared else DASH,
        number(sum(member.silent for member in members)),
    ]


def _rows_of(name: str, scored: Sequence[Scores]) -> list[ObjectRow]:
    lines = [line for scores in scored for line in scores.members]
    return [row for line in lines if escape(line.label) == name for row in line.rows]


def _answer_rows(scored: Sequence[Scores]) -> list[ObjectRow]:
    return [row for scores in scored for row in scores.answer.rows]


def _mean_cells(rows: Sequence[ObjectRow]) -> list[str]:
    if not rows:
        return [DASH] * 3
    mean = summarise(rows)
    return [f"{value:.4f}" for value in (mean.jf, mean.j, mean.f)]


def _note(found: Sequence[EnsembleSummary], complete: Sequence[Scores], num_scored: int) -> str:
    words = (
        "Agreement: mean IoU with the answer, exchanged ids put right. Overruled: share of objects "
        "and frames with an IoU below 0.5."
    )
    if not any(summary.followed for summary in found):
        words += " Nobody is followed where members vote; nearest is who agrees most in a frame."
    if complete:
        objects = plural(len(_answer_rows(complete)), "object")
        words += f" Scores are of members' masks as they are, over {objects} that all have."
    if len(complete) < num_scored:
        left_out = plural(num_scored - len(complete), "video")
        words += f" {left_out} that a member lacks masks of count in no score here."
    return words
