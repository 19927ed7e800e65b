"""The zip of a submission: the same masks always give the same bytes."""

import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from pvuw.io.masks import read_id_map
from pvuw.submit.formats import SubmissionFormat

_START_OF_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can name
_UNIX = 3
_READABLE_FILE = 0o100644 << 16


def write_zip(
    path: Path, masks: Mapping[str, Sequence[Path]], rules: SubmissionFormat
) -> Iterator[int]:
    """Write the masks into a zip, yielding after each query how many masks it had.

    Order, times and rights are fixed, and palette masks are stored as they are, since PNGs hardly
    get smaller and what a compressor makes of them depends on its version. Grayscale ones are
    written anew.

    Args:
        path: Written directly: give a temporary name and rename it when all is done.
        masks: The masks of each query; the order does not matter.
        rules: Where in the zip the server looks for them.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for query_id in sorted(masks):
            for mask in sorted(masks[query_id]):
                entry = zipfile.ZipInfo(f"{rules.prefix}{query_id}/{mask.name}", _START_OF_TIME)
                entry.create_system = _UNIX
                entry.external_attr = _READABLE_FILE
                archive.writestr(entry, _content(mask, rules))
            yield len(masks[query_id])


def _content(mask: Path, rules: SubmissionFormat) -> bytes:
    """Return a mask's file as the server takes it."""
    if rules.pixels == "palette":
        return mask.read_bytes()
    target, file = read_id_map(mask) != 0, io.BytesIO()
    Image.fromarray(target.astype(np.uint8) * np.uint8(255)).save(file, format="PNG")
    return file.getvalue()
