"""The page: overview first, then one block of data per video that is read when it is opened."""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2.environment import TemplateStream
from markupsafe import Markup

from pvuw.io.atomic import atomic_path
from pvuw.pages.page import page_template
from pvuw.parallel import map_in_order
from pvuw.report.entry import EntryTask, VideoSummary, make_entries
from pvuw.report.members.tables import sum_up_members
from pvuw.report.overview import object_lines, side_scores, video_lines
from pvuw.report.payload import anchor, line_colour
from pvuw.report.settings import ReportSettings

THUMBS_MOST = 400
"""Rows of each table that have a picture, the worst ones: 2 to 4 kB each."""


@dataclass(frozen=True)
class ReportSize:
    """What a report came to."""

    num_bytes: int
    videos: list[VideoSummary]

    @property
    def num_pictures(self) -> int:
        """Frames that can be looked at."""
        return sum(video.num_pictures for video in self.videos)


def write_report(
    out: Path,
    tasks: Iterable[EntryTask],
    settings: ReportSettings,
    *,
    workers: int = 1,
    notes: Sequence[str] = (),
    on_video: Callable[[], object] | None = None,
) -> ReportSize:
    """Write the page, whole or not at all; only a few videos' data are in memory at a time.

    Args:
        out: The page, for example `report.html`; replaced if it exists.
        tasks: One per video.
        settings: Those of the tasks.
        workers: Processes.
        notes: Said at the top of the page.
        on_video: Called after each video.

    Raises:
        OSError: If the disk refuses.
    """
    videos: list[VideoSummary] = []
    # The overview comes first and is known last, so the data wait in a file without a name, which
    # vanishes with the process.
    with (
        atomic_path(out) as temporary,
        tempfile.TemporaryFile("w+", dir=out.parent, encoding="utf-8") as data,
    ):
        made = map_in_order(
            make_entries, tasks, workers=workers, name=lambda task: task.video.video_id
        )
        for entries in made:
            for entry in entries.entries:
                videos.append(entry.summary)
                data.write(_data_block(anchor(entry.summary.video_id), entry.payload))
            data.write(_data_block(anchor(entries.video_id, "frames"), entries.pictures))
            if on_video is not None:
                on_video()
        data.seek(0)
        page = _page(videos, map(Markup, data), settings=settings, notes=notes)
        page.dump(str(temporary), encoding="utf-8")
    return ReportSize(out.stat().st_size, videos)


def _page(
    videos: Sequence[VideoSummary],
    data: Iterator[str],
    *,
    settings: ReportSettings,
    notes: Sequence[str],
) -> TemplateStream:
    heading = " against ".join(side.label for side in settings.sides)
    return page_template(Path(__file__).parent, "page.html").stream(
        title=f"Report: {heading}",
        heading=heading,
        styles=["page.css", "members.css"],
        videos=videos,
        settings=settings,
        notes=notes,
        side_scores=side_scores(videos, settings),
        unscored=sum(not video.rows(0) for video in videos),
        members=sum_up_members(videos, settings),
        video_lines=video_lines(videos),
        object_lines=object_lines(videos),
        data=data,
        anchor=anchor,
        sentences=settings.asks == "expression",
        thumbs_most=THUMBS_MOST,
        line_colour=line_colour,
    )


def _data_block(name: str, payload: str | None) -> str:
    """Return the element that holds some data, in one line."""
    if payload is None:
        return ""
    safe = payload.replace("<", "\\u003c")  # no text in it can end the element
    block = Markup('<script type="application/json" id="{}">{}</script>\n')
    return block.format(name, Markup(safe))
