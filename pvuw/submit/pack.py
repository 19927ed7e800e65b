"""The zip of a submission: the same masks always give the same bytes."""

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pvuw.submit.formats import SubmissionFormat

_START_OF_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can name
_UNIX = 3
_READABLE_FILE = 0o100644 << 16


def write_zip(
    path: Path, masks: Mapping[str, Sequence[Path]], rules: SubmissionFormat
) -> Iterator[int]:
    """Write the masks into a zip, yielding after each video how many masks it had.

    Order, times and rights are fixed, and the masks are stored as they are, since PNGs hardly get
    smaller and what a compressor makes of them depends on its version.

    Args:
        path: Written directly: give a temporary name and rename it when all is done.
        masks: The masks of each video; the order does not matter.
        rules: Where in the zip the server looks for them.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for video_id in sorted(masks):
            for mask in sorted(masks[video_id]):
                entry = zipfile.ZipInfo(f"{rules.prefix}{video_id}/{mask.name}", _START_OF_TIME)
                entry.create_system = _UNIX
                entry.external_attr = _READABLE_FILE
                archive.writestr(entry, mask.read_bytes())
            yield len(masks[video_id])
