"""The page itself: all sections in one file that loads nothing from anywhere."""

from html import escape
from pathlib import Path

from pvuw.mose_plus.report.data import ReportData
from pvuw.mose_plus.report.decisions import all_videos, copies, refusals
from pvuw.mose_plus.report.distributions import distributions
from pvuw.mose_plus.report.overview import contact_sheets, licences, sources, totals
from pvuw.mose_plus.report.settings import settings, warnings
from pvuw.pages.document import page_head, page_tail

_HERE = Path(__file__).parent
_SECTIONS = (
    ("sources", "What is in it", sources),
    ("traits", "Traits against MOSE", distributions),
    ("sheets", "Contact sheets", contact_sheets),
    ("refusals", "What was refused, by reason", refusals),
    ("copies", "Copies", copies),
    ("licences", "Licences and what they ask for", licences),
    ("settings", "How it was made", settings),
    ("all", "Every video and its decision", all_videos),
)


def render(data: ReportData) -> str:
    """Return the page, HTML with style, script and pictures inside.

    Raises:
        DataError: If a frame or mask of the build cannot be read.
    """
    title = f"MOSE+ build {data.build.resolve().name}"
    menu = "".join(f'<a href="#{name}">{heading}</a>' for name, heading, _ in _SECTIONS)
    body = "".join(
        f'<section id="{name}"><h2>{heading}</h2>{write(data)}</section>'
        for name, heading, write in _SECTIONS
    )
    style, script = ((_HERE / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    return (
        f"{page_head(title, style=style)}<header><h1>{escape(title)}</h1>{totals(data)}"
        f"{warnings(data)}<nav>{menu}</nav></header><main>{body}</main>{page_tail(script=script)}"
    )
