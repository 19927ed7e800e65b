"""The part of the page that is read without opening a video: figures, and tables worst first."""

from collections.abc import Sequence
from html import escape
from urllib.parse import quote

from pvuw.metrics.report import ObjectRow, summarise
from pvuw.pages.pieces import DASH, number, plural
from pvuw.report.entry import ObjectSummary, VideoSummary
from pvuw.report.members.tables import member_cells, member_columns
from pvuw.report.payload import line_colour
from pvuw.report.settings import ReportSettings

Column = tuple[str, bool]
"""Title, and whether the cells are numbers."""


def totals(videos: Sequence[VideoSummary], settings: ReportSettings) -> str:
    """Return the figures of all videos together, large."""
    figures = [
        (f"{len(videos):,}", "videos"),
        (f"{sum(len(video.objects) for video in videos):,}", "objects"),
        (f"{sum(video.num_frames for video in videos):,}", "frames"),
    ]
    for side, source in enumerate(settings.sides):
        rows = [row for video in videos for row in video.rows(side)]
        if rows:
            mean = summarise(rows)
            words = (
                f"J&amp;F of {escape(source.label)} over {plural(len(rows), 'object')}, "
                f"J {mean.j:.4f}, F {mean.f:.4f}"
            )
            if not settings.compares_with_truth:
                words = f"agreement with {escape(settings.sides[1].label)}, J and F"
            figures.insert(side, (f"{mean.jf:.4f}", words))
    parts = (f"<div><dt>{words}</dt><dd>{figure}</dd></div>" for figure, words in figures)
    return f'<dl class="totals">{"".join(parts)}</dl>'


def score_note(videos: Sequence[VideoSummary], settings: ReportSettings) -> str:
    """Return a paragraph that says what the scores are and what has none."""
    if not settings.has_scores:
        return "<p>No truth and no second prediction were given, so nothing is scored.</p>"
    unscored = [video.video_id for video in videos if not video.rows(0)]
    words = (
        f"Scores against the truth by the rules of <code>{escape(settings.protocol)}</code>, as "
        "<code>pvuw evaluate</code> has them: means over objects, first and last frame left out."
        if settings.compares_with_truth
        else "No truth was given. J and F say how far the two predictions agree, object by object; "
        "a video low in the list is one they see alike."
    )
    missing = f" Not scored: {plural(len(unscored), 'video')}." if unscored else ""
    return f"<p>{words}{missing}</p>"


def problems(videos: Sequence[VideoSummary]) -> str:
    """Return the list of everything that is wrong, or nothing."""
    lines = [
        f"<li><b>{escape(video.video_id)}</b> {escape(line)}</li>"
        for video in videos
        for line in video.problems
    ]
    if not lines:
        return ""
    return (
        f'<section id="problems"><h2>Problems</h2><div class="warning"><ul>{"".join(lines)}</ul>'
        "</div></section>"
    )


def video_table(videos: Sequence[VideoSummary], settings: ReportSettings) -> str:
    """Return one row per video, the lowest score of the prediction first."""
    columns = [("Video", False), *_score_columns(settings)]
    columns += [("Objects", True), ("Frames", True), ("Lowest object", False)]
    of_members = member_columns(videos, settings)
    columns += of_members
    rows = [
        _row(
            [
                _link(video),
                *_score_cells(_means(video), settings),
                number(len(video.objects)),
                number(video.num_frames),
                _lowest(video),
                *member_cells(video, of_members),
            ],
            columns,
            video=video,
            scores=_means(video),
            leaves=any(summary.absences for summary in video.objects),
        )
        for video in sorted(videos, key=lambda video: (*_rank(_means(video)), video.video_id))
    ]
    return _table("videos", columns, rows)


def object_table(videos: Sequence[VideoSummary], settings: ReportSettings) -> str:
    """Return one row per object of all videos, the lowest score of the prediction first."""
    columns = [("Video", False), ("Object", True), *_score_columns(settings)]
    columns += [("Frames visible", True), ("Absences", True)]
    objects = [(video, summary) for video in videos for summary in video.objects]
    objects.sort(key=lambda pair: (*_rank(pair[1].scores), pair[0].video_id, pair[1].object_id))
    rows = [
        _row(
            [
                _link(video),
                _swatch(summary.object_id),
                *_score_cells(summary.scores, settings),
                number(summary.num_visible),
                number(summary.absences),
            ],
            columns,
            video=video,
            scores=summary.scores,
            leaves=bool(summary.absences),
        )
        for video, summary in objects
    ]
    return _table("objects", columns, rows)


def filter_bar(settings: ReportSettings) -> str:
    """Return the place of the filters, which the script fills."""
    other = escape(settings.sides[1].label) if len(settings.sides) == 2 else ""
    members = [] if settings.ensemble is None else settings.ensemble.members
    names = escape("".join(f"{member.label}|" for member in members))
    return (
        f'<div class="filters" id="filters" data-other="{other}" data-members="{names}" hidden>'
        "</div>"
    )


def anchor(video_id: str) -> str:
    """Return what names a video in the page's address.

    Example:
        >>> anchor("a b/c")
        'video=a%20b%2Fc'
    """
    return f"video={quote(video_id, safe='')}"


def _means(video: VideoSummary) -> tuple[ObjectRow | None, ...]:
    """Return the video's mean scores of each side, in the shape of an object's."""
    means: list[ObjectRow | None] = []
    sides = len(video.objects[0].scores) if video.objects else 0
    for side in range(sides):
        rows = video.rows(side)
        if rows:
            mean = summarise(rows)
            means.append(ObjectRow(video.video_id, 0, rows[0].num_frames, mean.j, mean.f))
        else:
            means.append(None)
    return tuple(means)


def _rank(scores: Sequence[ObjectRow | None]) -> tuple[bool, float]:
    """Return a key under which low scores come first and missing ones last."""
    first = scores[0] if scores else None
    return first is None, 0.0 if first is None else first.jf


def _score_columns(settings: ReportSettings) -> list[Column]:
    if not settings.has_scores:
        return []
    columns = [("J&amp;F", True), ("J", True), ("F", True)]
    if settings.compares_with_truth and len(settings.sides) == 2:
        other = escape(settings.sides[1].label)
        columns += [(f"J&amp;F of {other}", True), ("Difference", True)]
    return columns


def _score_cells(scores: Sequence[ObjectRow | None], settings: ReportSettings) -> list[str]:
    """Return one cell for each column that `_score_columns` has."""
    first = scores[0] if scores else None
    second = scores[1] if len(scores) > 1 else None
    cells = [DASH] * 3 if first is None else [f"{x:.4f}" for x in (first.jf, first.j, first.f)]
    cells.append(DASH if second is None else f"{second.jf:.4f}")
    cells.append(DASH if first is None or second is None else f"{first.jf - second.jf:+.4f}")
    return cells[: len(_score_columns(settings))]


def _row(
    cells: Sequence[str],
    columns: Sequence[Column],
    *,
    video: VideoSummary,
    scores: Sequence[ObjectRow | None],
    leaves: bool,
) -> str:
    """Return a row with what the filters need as attributes."""
    first = scores[0] if scores else None
    second = scores[1] if len(scores) > 1 else None
    facts = {"video": anchor(video.video_id), "leaves": str(int(leaves))}
    if video.ensemble is not None:
        facts["leader"] = "".join(f"{name}|" for name in video.ensemble.leaders)
    if first is not None:
        facts["jf"] = f"{first.jf:.6f}"
        if second is not None:
            facts["diff"] = f"{first.jf - second.jf:.6f}"
    attributes = "".join(f' data-{name}="{escape(value)}"' for name, value in facts.items())
    body = "".join(
        f"<td{' class=n' if numeric else ''}>{cell}</td>"
        for cell, (_, numeric) in zip(cells[1:], columns[1:], strict=True)
    )
    return f'<tr{attributes}><th scope="row">{cells[0]}</th>{body}</tr>'


def _table(name: str, columns: Sequence[Column], rows: Sequence[str]) -> str:
    titles = "".join(
        f'<th scope="col"{" class=n" if numeric else ""}>{title}</th>' for title, numeric in columns
    )
    return (
        f'<div class="scroll tall"><table id="{name}-table"><thead><tr>{titles}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _link(video: VideoSummary) -> str:
    name = escape(video.video_id)
    if not video.num_pictures:
        return f'{name} <small class="warned">cannot be shown</small>'
    flag = '<small class="warned">has problems</small>' if video.problems else ""
    return f'<a href="#{escape(anchor(video.video_id))}">{name}</a>{flag}'


def _swatch(object_id: int) -> str:
    return f'<i class="key" style="background:{line_colour(object_id)}"></i>{object_id}'


def _lowest(video: VideoSummary) -> str:
    rows = video.rows(0)
    if not rows:
        return DASH
    lowest: ObjectRow = min(rows, key=lambda row: row.jf)
    summary: ObjectSummary = next(o for o in video.objects if o.object_id == lowest.object_id)
    return f"{_swatch(summary.object_id)} {lowest.jf:.4f}"
