"""The sections on decisions: the table of all videos, refusals by reason, copies."""

from collections import Counter
from collections.abc import Mapping
from html import escape

from pvuw.mose_plus.build.manifest import ManifestEntry
from pvuw.mose_plus.report.data import ReportData, num_frames, num_objects, source_name
from pvuw.mose_plus.report.html import anchor, link
from pvuw.mose_plus.report.reasons import grouped_refusals, reason_group
from pvuw.mose_plus.select.distance import TraitRange
from pvuw.pages.pieces import DASH, number, plural, prose, table
from pvuw.sources.keys import VideoKey
from pvuw.traits.video_traits import TRAIT_KINDS

_NAMED_DIFFERENCES = 3
_NAMED_EXAMPLES = 12
_HEAD = ("Decision", "Source", "Video", "Frames", "Objects", "Distance", "Differs most in", "Why")
_NUMERIC = (3, 4, 5)


def all_videos(data: ReportData) -> str:
    """Return the table with a row for every line of the manifest; the script makes it sortable."""
    titles = "".join(
        f'<th scope="col"{" class=n" if i in _NUMERIC else ""}>{title}</th>'
        for i, title in enumerate(_HEAD)
    )
    rows = "".join(_row(video, data.info.ranges) for video in data.entries)
    return (
        f'<div class="filters" id="filters" hidden></div><div class="scroll tall"><table '
        f'id="videos" class="videos"><thead><tr>{titles}</thead><tbody>{rows}</tbody></table></div>'
        "<p><small>Distance: 0 is typical of MOSE. Beside a trait stands how many spreads of MOSE "
        "it lies outside the typical range, ▲ above or ▼ below it.</small></p>"
    )


def refusals(data: ReportData) -> str:
    """Return the refused videos by reason, with what the reason means and some of the videos."""
    groups = grouped_refusals(list(data.entries))
    if not groups:
        return "<p>No video was refused.</p>"
    rows = []
    for group, videos in groups.items():
        sources = Counter(source_name(video) for video in videos)
        where = ", ".join(f"{escape(name)} {count:,}" for name, count in sources.most_common())
        examples = ", ".join(link(video) for video in videos[:_NAMED_EXAMPLES])
        rest = len(videos) - _NAMED_EXAMPLES
        more = f' <span class="none">and {rest:,} more in the table</span>' if rest > 0 else ""
        title = f"{escape(group.title)}<small>{prose(group.meaning)}</small>"
        rows.append([title, f"{len(videos):,}", where, examples + more])
    return '<div class="scroll">' + table(["Reason", "Videos", "Sources", "Which"], rows) + "</div>"


def copies(data: ReportData) -> str:
    """Return which refused video is the same as which other one, and how that is known."""
    by_key = {video.key: video for video in data.entries}
    rows = []
    for video in data.entries:
        if video.duplicate_of is None:
            continue
        twin = by_key.get(VideoKey(*video.duplicate_of))
        name = escape("/".join(video.duplicate_of)) if twin is None else _named(twin)
        rows.append([_named(video), name, escape(video.reason.partition(": ")[2])])
    if not rows:
        return "<p>No video is a copy of another one.</p>"
    found = table(["Refused", "Same as", "Known by"], rows, css="copies")
    return (
        f"<p>{plural(len(rows), 'video')} refused as the same as another one. Sources under "
        f'<code>evaluation</code> are the lists the settings name.</p><div class="scroll tall">'
        f"{found}</div>"
    )


def _named(video: ManifestEntry) -> str:
    return f"{escape(source_name(video))} / {link(video)}"


def _row(video: ManifestEntry, ranges: Mapping[str, TraitRange]) -> str:
    group = "" if video.admitted else f' data-group="{escape(reason_group(video).title)}"'
    word, css = _verdict(video)
    cells = (
        f'<span class="{css}">{word}</span>',
        escape(source_name(video)),
        f"<b>{escape(video.video_id)}</b>{_built_name(video)}",
        number(num_frames(video)),
        number(num_objects(video)),
        number(video.distance),
        _differences(video, ranges),
        escape(video.reason),
    )
    body = "".join(
        f"<td{' class=n' if i in _NUMERIC else ''}>{cell}</td>" for i, cell in enumerate(cells)
    )
    return f'<tr id="{anchor(video)}"{group}>{body}</tr>'


def _verdict(video: ManifestEntry) -> tuple[str, str]:
    if not video.admitted:
        return "refused", "no"
    return ("reference", "ref") if video.reference else ("admitted", "yes")


def _built_name(video: ManifestEntry) -> str:
    """Return under which name it lies in the build, where that is another."""
    if video.built is None or video.built.video_id == video.video_id:
        return ""
    return f"<small>{escape(video.built.video_id)}</small>"


def _differences(video: ManifestEntry, ranges: Mapping[str, TraitRange]) -> str:
    largest = sorted(video.distances.items(), key=lambda item: -item[1])[:_NAMED_DIFFERENCES]
    words = [
        f'<span class="diff"{_against(video, name, ranges)}>{_arrow(video, name, ranges)}'
        f"{escape(TRAIT_KINDS[name].title)} <b>{spreads:.1f}</b></span>"
        for name, spreads in largest
        if spreads > 0
    ]
    if words:
        return "".join(words)
    return '<span class="none">nothing</span>' if video.distances else DASH


def _value(video: ManifestEntry, name: str) -> float | None:
    return None if video.traits is None else TRAIT_KINDS[name].value(video.traits)


def _arrow(video: ManifestEntry, name: str, ranges: Mapping[str, TraitRange]) -> str:
    value = _value(video, name)
    if value is None or name not in ranges:
        return ""
    return "▼ " if value < ranges[name].low else "▲ "


def _against(video: ManifestEntry, name: str, ranges: Mapping[str, TraitRange]) -> str:
    value = _value(video, name)
    if value is None or name not in ranges:
        return ""
    return f' title="{value:.3g}; MOSE {ranges[name].low:.3g} to {ranges[name].high:.3g}"'
