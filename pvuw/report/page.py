"""The page: overview first, then one block of data per video that is read when it is opened."""

import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import IO

from pvuw.io.atomic import atomic_path
from pvuw.pages.document import page_head, page_tail
from pvuw.parallel import map_in_order
from pvuw.report.entry import Entry, EntryTask, VideoSummary, make_entry
from pvuw.report.members.tables import member_section
from pvuw.report.overview import (
    anchor,
    filter_bar,
    object_table,
    problems,
    score_note,
    totals,
    video_table,
)
from pvuw.report.settings import ReportSettings

_HERE = Path(__file__).parent
_STYLES = ("page.css", "members.css")
_SCRIPTS = ("reading.js", "drawing.js", "timelines.js", "members.js", "viewer.js", "overview.js")
"""One scope, in this order."""


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
    with atomic_path(out) as temporary, tempfile.TemporaryFile("w+b", dir=out.parent) as data:
        entries = map_in_order(
            make_entry, tasks, workers=workers, name=lambda task: task.video.video_id
        )
        for entry in entries:
            videos.append(entry.summary)
            data.write(_data_block(entry).encode())
            if on_video is not None:
                on_video()
        data.seek(0)
        with temporary.open("wb") as page:
            _write_page(page, data, videos, settings=settings, notes=notes)
    return ReportSize(out.stat().st_size, videos)


def _write_page(
    page: IO[bytes],
    data: IO[bytes],
    videos: Sequence[VideoSummary],
    *,
    settings: ReportSettings,
    notes: Sequence[str],
) -> None:
    style, script = (_texts(names) for names in (_STYLES, _SCRIPTS))
    viewer = _texts(["viewer.html"])
    title = " against ".join(side.label for side in settings.sides)
    said = "".join(f"<p><small>{escape(note)}</small></p>" for note in notes)
    page.write(
        (
            f"{page_head(f'Report: {title}', style=style)}<header><h1>{escape(title)}</h1>"
            f"{totals(videos, settings)}{score_note(videos, settings)}{said}</header><main>"
            f"{viewer}{member_section(videos, settings)}{filter_bar(settings)}"
            f'<section id="videos"><h2>Videos, worst first</h2>{video_table(videos, settings)}'
            f'</section><section id="objects"><h2>Objects, worst first</h2>'
            f"{object_table(videos, settings)}</section>{problems(videos)}</main>\n"
        ).encode()
    )
    shutil.copyfileobj(data, page)
    page.write(page_tail(script=f"(() => {{\n{script}}})();\n").encode())


def _texts(names: Sequence[str]) -> str:
    return "".join((_HERE / name).read_text(encoding="utf-8") for name in names)


def _data_block(entry: Entry) -> str:
    """Return the element that holds a video's data; a browser takes it for text until asked."""
    if entry.payload is None:
        return ""
    name = escape(anchor(entry.summary.video_id))
    safe = entry.payload.replace("<", "\\u003c")  # no text in it can end the element
    return f'<script type="application/json" id="{name}">{safe}</script>\n'
