"""The report of a MOSE+ build: one HTML page that opens from disk."""

from pathlib import Path

from pvuw.io.atomic import write_text_atomic
from pvuw.mose_plus.build.manifest import read_info, read_manifest
from pvuw.mose_plus.report.data import ReportData
from pvuw.mose_plus.report.page import render


def write_build_report(build: Path, out: Path) -> None:
    """Write a page that shows what a build took and refused, and why; whole or not at all.

    It needs neither the sources nor the network, and holds no link to either.

    Args:
        build: Folder of a finished build.
        out: The page, for example `report.html`; replaced if it exists.

    Raises:
        DataError: If the build has no manifest, or a frame or mask cannot be read.
    """
    write_text_atomic(out, render(ReportData(build, read_manifest(build), read_info(build))))
