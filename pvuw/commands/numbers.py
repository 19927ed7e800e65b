"""Numbers on a plain command's line."""

import argparse


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
