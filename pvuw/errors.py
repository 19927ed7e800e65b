"""Errors a user can act on: the command prints their one line and no traceback."""

import difflib
import errno
import os
from collections.abc import Iterable

_CHECK_RIGHTS = "check the rights of the file and of the folders above it, or give another place"
_MAKE_ROOM = "make room or give another place"
_FIXES = {
    errno.EACCES: _CHECK_RIGHTS,
    errno.EPERM: _CHECK_RIGHTS,
    errno.EROFS: "give a place that can be written",
    errno.ENOSPC: _MAKE_ROOM,
    errno.EDQUOT: _MAKE_ROOM,
    errno.ENAMETOOLONG: "rename the video or give a shorter path",
    errno.ENOTDIR: "a part of the path is a file; give another path",
    errno.ELOOP: "the links lead in a circle; correct them",
    errno.EIO: "the disk cannot be read; check it and copy the file again",
    errno.ESTALE: "the network disk has lost the file; mount it again",
    errno.EMFILE: "too many open files; raise the limit (ulimit -n)",
}
"""What the user can do where the system refuses, whatever the program was about to do."""


class PvuwError(Exception):
    """A problem in the user's input; the message names the file, the value and the fix."""


class DataError(PvuwError):
    """A frame, mask, video or folder that cannot be used as it is."""


class WeightsError(PvuwError):
    """A checkpoint that does not fit the network it was given to."""


def refusal_of_system(error: OSError) -> str | None:
    """Return one line for the user where the system refused a file; None: the fault may be ours.

    Example:
        >>> refusal_of_system(OSError(errno.ENOSPC, "No space left on device", "a.png"))
        'a.png: No space left on device; make room or give another place'
    """
    fix = _FIXES.get(error.errno or 0)
    if fix is None or error.filename is None:
        return None
    return f"{os.fsdecode(error.filename)}: {error.strerror}; {fix}"


def line_of(error: Exception) -> str | None:
    """Return the one line that tells a user of an error; None: the fault may be ours."""
    if isinstance(error, OSError):
        return refusal_of_system(error)
    return str(error) if isinstance(error, PvuwError) else None


def suggestion(wrong: str, choices: Iterable[str], *, listed: int = 12) -> str:
    """Return what to write instead, as the end of a sentence; empty if nothing is alike.

    Capitals do not count, nor whether words are joined by `-` or `_`.

    Args:
        wrong: What was written.
        choices: What may be written.
        listed: If nothing is alike, all choices are named where there are no more than these.

    Example:
        >>> suggestion("bach-size", ["batch_size", "root"])
        ', did you mean batch_size?'
        >>> suggestion("xyz", ["batch_size", "root"])
        '; there are batch_size, root'
    """
    names = {choice.lower().replace("-", "_"): choice for choice in choices}
    alike = difflib.get_close_matches(wrong.lower().replace("-", "_"), names, n=1, cutoff=0.6)
    if alike:
        return f", did you mean {names[alike[0]]}?"
    return f"; there are {', '.join(names.values())}" if 0 < len(names) <= listed else ""
