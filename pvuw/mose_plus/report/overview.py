"""The sections that count: what is in the build, contact sheets, licences."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from pvuw.mose_plus.build.manifest import TRAIN, BuiltVideo, ManifestEntry
from pvuw.mose_plus.report.data import (
    ReportData,
    built_videos,
    count_frames,
    count_masks,
    count_objects,
    source_name,
)
from pvuw.mose_plus.report.html import link
from pvuw.mose_plus.report.licences import joint_obligations, obligations
from pvuw.mose_plus.report.reasons import COPY, EVALUATION, reason_group
from pvuw.mose_plus.report.sheets import Thumbnail, spread, thumbnails, videos_per_source
from pvuw.pages.pieces import number, plural, share, table


def totals(data: ReportData) -> str:
    """Return the figures of the whole build, large."""
    built = built_videos(data.entries)
    held_out = sum(video.subset != TRAIN for video in built)
    figures = (
        (f"{len(built):,}", f"videos of {len(data.entries):,} looked at"),
        (f"{count_frames(built):,}", "frames"),
        (f"{count_objects(built):,}", "objects"),
        (f"{count_masks(built):,}", "masks"),
        (f"{len({source_name(v) for v in data.entries if v.admitted}):,}", "sources"),
        (f"{held_out:,}", "videos held out for validation"),
    )
    return (
        '<dl class="totals">'
        + "".join(f"<div><dt>{words}</dt><dd>{figure}</dd></div>" for figure, words in figures)
        + "</dl>"
    )


def sources(data: ReportData) -> str:
    """Return the table of sources: what was looked at, what was taken, and its share."""
    all_frames = count_frames(built_videos(data.entries))
    head = (
        "Source", "Looked at", "Admitted", "Refused", "Copies and evaluation videos",
        "Frames", "Share of frames", "Objects", "Objects per video", "Frames per video",
    )  # fmt: skip
    rows = [_source_row(name, videos, all_frames) for name, videos in data.by_source.items()] + [
        _source_row("all", data.entries, all_frames)
    ]
    return '<div class="scroll">' + table(head, rows, css="sources") + "</div>"


def _source_row(name: str, videos: Sequence[ManifestEntry], all_frames: int) -> list[str]:
    built = built_videos(videos)
    frames, objects = count_frames(built), count_objects(built)
    refused = [video for video in videos if not video.admitted]
    same = sum(reason_group(video) in (COPY, EVALUATION) for video in refused)
    mark = "<small>reference</small>" if name != "all" and videos[0].reference else ""
    bar = f'<i class="bar"><i style="width:{100 * frames / max(all_frames, 1):.1f}%"></i></i>'
    return [
        escape(name) + mark,
        number(len(videos)),
        number(len(built)),
        number(len(refused)),
        number(same),
        number(frames),
        f'{bar}<span class="percent">{share(frames, all_frames)}</span>',
        number(objects),
        number(objects / len(built) if built else None, 1),
        number(frames / len(built) if built else None, 1),
    ]


def contact_sheets(data: ReportData) -> str:
    """Return pictures of some admitted videos of each source, and how many have no room.

    Raises:
        DataError: If a frame or mask of the build cannot be read.
    """
    groups = {
        name: admitted
        for name, videos in data.by_source.items()
        if (admitted := [video for video in videos if video.admitted])
    }
    room = videos_per_source(len(groups))
    return "".join(_sheet(name, videos, room, data.build) for name, videos in groups.items())


def _sheet(name: str, videos: Sequence[ManifestEntry], room: int, build: Path) -> str:
    chosen = spread(videos, room)
    left_out = len(videos) - len(chosen)
    note = f"all {plural(len(videos), 'video')}" if not left_out else (
        f"{len(chosen):,} of {plural(len(videos), 'video')}, evenly spread from the nearest to "
        f"MOSE to the farthest; {left_out:,} left out to keep this page small"
    )  # fmt: skip
    cards = "".join(_card(video, video.built, build) for video in chosen if video.built is not None)
    return f'<h3>{escape(name)} <small>{note}</small></h3><div class="sheet">{cards}</div>'


def _card(video: ManifestEntry, built: BuiltVideo, build: Path) -> str:
    pictures = "".join(_picture(picture, built) for picture in thumbnails(built, build))
    distance = "" if video.distance is None else f", distance {video.distance:.2f}"
    facts = f"{plural(built.num_frames, 'frame')}, {plural(len(built.objects), 'object')}{distance}"
    return (
        f'<figure><div class="strip">{pictures}</div>'
        f"<figcaption>{link(video)} {facts}</figcaption></figure>"
    )


def _picture(picture: Thumbnail, built: BuiltVideo) -> str:
    words = f"frame {escape(picture.frame_name)}, {picture.position + 1} of {built.num_frames}"
    return (
        f'<img src="{picture.uri}" width="{picture.width}" height="{picture.height}" '
        f'loading="lazy" alt="{words}, masks in colour" title="{words}">'
    )


def licences(data: ReportData) -> str:
    """Return the licences of the admitted videos and what they ask for."""
    groups: dict[str, list[ManifestEntry]] = {}
    for video in data.entries:
        if video.admitted:
            groups.setdefault(video.licence, []).append(video)
    rows = [
        [
            escape(licence),
            ", ".join(sorted({escape(source_name(video)) for video in videos})),
            number(len(videos)),
            number(count_frames(built_videos(videos))),
            "<ul>" + "".join(f"<li>{escape(words)}" for words in obligations(licence)) + "</ul>",
        ]
        for licence, videos in groups.items()
    ]
    joint = "".join(f"<p><strong>{words}</strong></p>" for words in joint_obligations(groups))
    head = ["Licence", "Sources", "Videos", "Frames", "What it asks for"]
    return (
        f'{joint}<div class="scroll">{table(head, rows)}</div><p><small>A summary, not legal '
        "advice: the licence texts and the terms accepted at the download decide.</small></p>"
    )
