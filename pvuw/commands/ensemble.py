"""`pvuw ensemble`: several networks' masks of the same videos into one answer."""

import argparse
from pathlib import Path

from pvuw.commands import ensemble_database
from pvuw.commands.numbers import add_workers
from pvuw.metrics.names import VIDEO_PROTOCOL_NAMES

_DESCRIPTION = """\
Makes one answer of several folders of predicted masks, from this project or anywhere else: each
holds <video>/<frame>.png with object ids as pixel values. A frame or video that a folder lacks is
no opinion; masks of another size are resized.

  vote     each pixel by majority, or weighted (--weight)
  fuse     swapped ids put right by whole tracks, then voted by --weight and own confidence
  select   the member to follow, per video, object or frame
  record   what members scored, into a performance database
  stats    what the database knows

With --config, all members of a recipe are run first; finished ones are never run again:

  pvuw ensemble --config stseg/pgmr.yaml --images DIR --masks DIR --out DIR
"""
_EPILOG = """\
example:
  pvuw ensemble fuse --pred sam2=runs/sam2 xmem=runs/xmem cutie=runs/cutie --out runs/fused

'pvuw ensemble fuse --help' explains the options. docs/ensemble.md has steps and formulas.
"""
_METHODS = {
    "vote": "each pixel by majority, or weighted",
    "fuse": "pseudo-label: swapped ids put right, weighted by history and confidence, voted",
    "select": "the member to follow, per video, object or frame",
}
_FUSING_EPILOG = """\
Written: OUT/Annotations/<video>/<frame>.png; OUT/agreement/<video>.jsonl, whose first line says
what was found and chosen in the video and whose others say, per frame, who agrees and who was
overruled.
Finished videos are skipped if they were made from the same masks and settings, else made again.
Exit status: 0; 1 if videos failed, the others are done; 2 for what cannot be used at all.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    add_recipe_arguments(parser)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions")
    for method, text in _METHODS.items():
        sub = actions.add_parser(method, help=text, description=text[0].upper() + text[1:] + ".")
        sub.formatter_class = argparse.RawDescriptionHelpFormatter
        sub.epilog = _FUSING_EPILOG
        _add_fusing_arguments(sub, method)
        sub.set_defaults(run=_run_fusion, method=method)
    sub = actions.add_parser("record", help="what members scored, into a performance database")
    ensemble_database.add_record_arguments(sub)
    sub.set_defaults(run=ensemble_database.run_record)
    sub = actions.add_parser("stats", help="what the database knows")
    ensemble_database.add_stats_arguments(sub)
    sub.set_defaults(run=ensemble_database.run_stats)


def add_recipe_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what a recipe of members needs."""
    recipe = parser.add_argument_group("a recipe of members")
    recipe.add_argument(
        "--config", metavar="FILE", help="recipe of members, here or under the shipped configs"
    )
    recipe.add_argument(
        "--images", dest="recipe_images", type=Path, metavar="DIR", help="frames, or a video file"
    )
    recipe.add_argument(
        "--masks",
        dest="recipe_masks",
        type=Path,
        metavar="DIR",
        help="first-frame masks, <video>/<frame>.png",
    )
    recipe.add_argument("--out", dest="recipe_out", type=Path, metavar="DIR", help="the folder")
    recipe.add_argument(
        "--weights",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=FILE",
        help="weights of members, in place of the recipe's",
    )
    recipe.add_argument(
        "--devices",
        nargs="+",
        default=[],
        metavar="GPU",
        help="GPUs to share the members out over, one member each at a time (default: members in "
        "turn, on what pvuw predict chooses)",
    )
    add_workers(recipe, "processes that fuse", dest="recipe_workers")


def _add_fusing_arguments(parser: argparse.ArgumentParser, method: str) -> None:
    parser.add_argument(
        "--pred",
        nargs="+",
        action="extend",
        required=True,
        metavar="[NAME=]DIR",
        help="folders of predictions; of equals the one named first wins",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where to write")
    parser.add_argument(
        "--weight",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=W",
        help="what a member is worth, such as its J&F on other videos (default: 1 each)",
    )
    parser.add_argument(
        "--images",
        type=Path,
        metavar="DIR",
        help="frames, <video>/<frame>.jpg: which frames there are, how large, what they look like "
        "(default: all frames that any member has)",
    )
    parser.add_argument("--videos", type=Path, metavar="FILE", help="only these, one a line")
    add_workers(parser)
    parser.set_defaults(granularity="video", database=None, protocol="mose")
    if method == "vote":
        return
    parser.add_argument(
        "--database",
        type=Path,
        metavar="FILE",
        help="recorded performance (pvuw ensemble record): members are weighted or chosen by what "
        "they scored on videos like this one (default: by --weight, and if equal "
        "followed by agreement)",
    )
    parser.add_argument(
        "--protocol",
        choices=VIDEO_PROTOCOL_NAMES,
        default="mose",
        help="whose scores of the database count (default: %(default)s)",
    )
    if method == "select":
        parser.add_argument(
            "--granularity",
            choices=("video", "object", "frame"),
            default="video",
            help="follow one member per video, object or frame (default: %(default)s)",
        )


def run(args: argparse.Namespace) -> int:
    """Do what the action says; exit status 1 if videos or members failed.

    Raises:
        PvuwError: If nothing is asked for, or options do not go together.
    """
    from pvuw.errors import PvuwError

    if args.action is not None:
        if args.config is not None:
            raise PvuwError(f"--config {args.config}: is not for '{args.action}'; leave out one")
        status: int = args.run(args)
        return status
    if args.config is None:
        raise PvuwError("nothing to do; give an action (vote, fuse, select, …) or --config FILE")
    from pvuw.commands.ensemble_run import run_recipe

    return run_recipe(args)


def _run_fusion(args: argparse.Namespace) -> int:
    from pvuw.commands.ensemble_fuse import run_fusion

    return run_fusion(args)
