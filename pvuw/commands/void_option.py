"""The one switch for 255 in given masks, alike in every command."""

import argparse
from typing import Literal


def add_void_option(parser: argparse.ArgumentParser) -> None:
    """Declare `--void-id`, which becomes `args.void_id`, a `pvuw.io.masks.VoidId`."""
    parser.add_argument(
        "--void-id",
        type=_void_id,
        default="auto",
        metavar="ID",
        help="value that marks pixels without ground truth in given masks: an id, none, or auto "
        "(default): 255, but object 1 in a grayscale mask of nothing but 0 and 255",
    )


def _void_id(text: str) -> int | Literal["auto"] | None:
    if text == "auto":
        return "auto"
    if text == "none":
        return None
    if not text.isdecimal() or not 1 <= int(text) <= 255:
        raise argparse.ArgumentTypeError(f"must be an id in 1..255, none or auto, got {text!r}")
    return int(text)
