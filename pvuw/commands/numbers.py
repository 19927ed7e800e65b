"""Numbers on a plain command's line."""

import argparse
import os
from typing import Any


def at_least_one(text: str) -> int:
    """Return a whole number of at least 1.

    Raises:
        ArgumentTypeError: If it is anything else.

    Example:
        >>> at_least_one("3")
        3
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, got {text!r}")
    return int(text)


def add_workers(
    parser: argparse._ActionsContainer,
    what: str = "processes, one video each at a time",
    **more: Any,
) -> None:
    """Declare `--workers`, one per core unless told otherwise."""
    parser.add_argument(
        "--workers",
        type=at_least_one,
        default=os.cpu_count() or 1,
        metavar="N",
        help=f"{what} (default: one per core, here %(default)s)",
        **more,
    )
