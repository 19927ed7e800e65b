"""What lies in a folder, without what systems leave there: the one lister of folders.

Names that start with a dot (macOS writes `._00000.jpg` and `.DS_Store`, we our unfinished files)
and those below are nobody's data. Links that lead nowhere are told apart: a disk that is not
mounted must not look like a video that is not there. No torch.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pvuw.errors import DataError

LEFT_BY_SYSTEMS = frozenset(
    {
        "__MACOSX",  # zip files made by macOS
        "Thumbs.db",
        "ehthumbs.db",
        "desktop.ini",
        "Icon\r",
        "@eaDir",  # Synology
        "lost+found",
        "$RECYCLE.BIN",
        "System Volume Information",
    }
)
_NAMES_SHOWN = 5
_COMMON = ("jpg", "jpeg", "png", "jpe", "jfif", "mpo", "apng", "bmp", "tif", "tiff", "webp", "gif")
_RARE = (
    "jp2",
    "jxl",
    "heic",
    "heif",
    "avif",
    "ppm",
    "pgm",
    "pnm",
    "tga",
    "exr",
    "dng",
    "cr2",
    "nef",
)
PICTURES = frozenset((*_COMMON, *_RARE))
"""Suffixes by which a file claims to be a picture, in small letters."""


class Listing(NamedTuple):
    """Names in a folder, sorted."""

    folders: list[str]
    files: list[str]
    lost: list[str]
    """Links whose target does not exist."""


def is_left_over(name: str) -> bool:
    """Return whether a file or folder of this name is nobody's data.

    Example:
        >>> [is_left_over(name) for name in ("._a.jpg", "__MACOSX", "a.jpg")]
        [True, True, False]
    """
    return name.startswith(".") or name in LEFT_BY_SYSTEMS


def list_folder(folder: Path) -> Listing:
    """Return what lies in a folder, told apart by what links lead to.

    Raises:
        DataError: If it does not exist or may not be listed.
    """
    found = Listing([], [], [])
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not is_left_over(entry.name):
                    _place_of(entry, found).append(entry.name)
    except OSError as error:
        raise unlistable(folder, error) from error
    return Listing(*map(sorted, found))


def list_names(folder: Path) -> list[str]:
    """Return the names of files and folders in a folder, in no order; asks nothing of each.

    Raises:
        DataError: If it does not exist or may not be listed.
    """
    try:
        # Names, not a Path for each of a million files.
        return [name for name in os.listdir(folder) if not is_left_over(name)]  # noqa: PTH208
    except OSError as error:
        raise unlistable(folder, error) from error


def unlistable(folder: Path, error: OSError) -> DataError:
    """Return the error for a folder that cannot be listed."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return DataError(f"{folder}: {missing_reason(folder, 'no such folder')}; check the path")
    return DataError(f"{folder}: cannot be listed ({error.strerror}); check its rights")


def missing_reason(path: Path, otherwise: str) -> str:
    """Return why a path is not there: a link that leads nowhere says where, else `otherwise`."""
    try:
        return f"link to {path.readlink()}, which is not there"
    except OSError:
        return otherwise


def name_problem(name: str) -> str | None:
    r"""Return what is wrong with a file or folder name that cannot be written as UTF-8, or None.

    Such a name cannot be printed, kept in JSON, or sent to a server.

    Example:
        >>> name_problem("caf\udce9")
        "the name b'caf\\xe9' is not UTF-8; rename it"
    """
    try:
        name.encode()
    except UnicodeEncodeError:
        return f"the name {os.fsencode(name)!r} is not UTF-8; rename it"
    return None


def printable(name: str) -> str:
    r"""Return a name that can be shown, with `\x` for bytes that are not UTF-8.

    Example:
        >>> printable("caf\udce9")
        'caf\\xe9'
    """
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def shorten(names: Sequence[str]) -> str:
    """Return the first few names, comma-separated, and how many more there are.

    Example:
        >>> shorten(["a", "b"]), shorten("abcdefgh")
        ('a, b', 'a, b, c, d, e and 3 more')
    """
    shown = ", ".join(names[:_NAMES_SHOWN])
    more = len(names) - _NAMES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def _place_of(entry: os.DirEntry[str], found: Listing) -> list[str]:
    if entry.is_symlink() and not os.path.exists(entry.path):  # noqa: PTH110
        return found.lost  # also a link to itself, which `is_dir` would raise for
    return found.folders if entry.is_dir() else found.files
