"""The page itself: all sections in one file that loads nothing from anywhere."""

from collections import Counter
from pathlib import Path

from pvuw.io.atomic import write_text_atomic
from pvuw.mose_plus.build.manifest import read_info, read_manifest
from pvuw.mose_plus.report.data import ReportData, num_frames, num_objects, source_name
from pvuw.mose_plus.report.decisions import anchor, copies, differences
from pvuw.mose_plus.report.distributions import distributions
from pvuw.mose_plus.report.licences import joint_obligations, obligations
from pvuw.mose_plus.report.reasons import grouped_refusals, reason_group
from pvuw.mose_plus.report.sheets import sheets_of, thumbnails
from pvuw.pages.page import page_template


def write_build_report(build: Path, out: Path) -> None:
    """Write a page that shows what a build took and refused, and why; whole or not at all.

    It needs neither the sources nor the network, and holds no link to either.

    Args:
        build: Folder of a finished build.
        out: The page, for example `report.html`; replaced if it exists.

    Raises:
        DataError: If the build has no manifest, or a frame or mask cannot be read.
    """
    data = ReportData(build, read_manifest(build), read_info(build))
    page = page_template(Path(__file__).parent, "page.html").render(
        title=f"MOSE+ build {data.build.resolve().name}",
        styles=["page.css"],
        data=data,
        traits=distributions(data),
        sheets=sheets_of(data.sources),
        refusals=grouped_refusals(data.entries),
        copies=list(copies(data)),
        **_QUESTIONS,
    )
    write_text_atomic(out, page)


_QUESTIONS = {
    "anchor": anchor,
    "count_sources": lambda videos: Counter(map(source_name, videos)).most_common(),
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
