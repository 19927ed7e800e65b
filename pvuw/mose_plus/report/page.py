"""The page itself: all sections in one file that loads nothing from anywhere."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pvuw.mose_plus.build.manifest import ManifestEntry
from pvuw.mose_plus.report.data import ReportData, num_frames, num_objects, source_name
from pvuw.mose_plus.report.decisions import anchor, copies, differences
from pvuw.mose_plus.report.distributions import distributions
from pvuw.mose_plus.report.licences import joint_obligations, obligations
from pvuw.mose_plus.report.reasons import grouped_refusals, reason_group
from pvuw.mose_plus.report.sheets import sheets_of, thumbnails
from pvuw.pages.page import page_template


def render(data: ReportData) -> str:
    """Return the page, HTML with style, script and pictures inside.

    Raises:
        DataError: If a frame or mask of the build cannot be read.
    """
    return page_template(Path(__file__).parent, "page.html").render(
        title=f"MOSE+ build {data.build.resolve().name}",
        styles=["page.css"],
        data=data,
        traits=distributions(data),
        sheets=sheets_of(data.sources),
        refusals=grouped_refusals(data.entries),
        copies=list(copies(data)),
        **_QUESTIONS,
    )


def _count_sources(videos: Sequence[ManifestEntry]) -> list[tuple[str, int]]:
    return Counter(source_name(video) for video in videos).most_common()


_QUESTIONS = {
    "anchor": anchor,
    "count_sources": _count_sources,
    "differences": differences,
    "joint_obligations": joint_obligations,
    "num_frames": num_frames,
    "num_objects": num_objects,
    "obligations": obligations,
    "reason_group": reason_group,
    "source_name": source_name,
    "thumbnails": thumbnails,
}
"""What the template asks of single videos."""
