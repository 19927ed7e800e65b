"""`pvuw submit`: checks a folder of predictions and packs it as an evaluation server wants it."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pvuw.commands.numbers import add_workers
from pvuw.commands.void_option import add_void_option
from pvuw.submit.formats import FORMATS, SubmissionFormat

if TYPE_CHECKING:
    from pvuw.sources.sentences_file import AskedVideo
    from pvuw.submit.check import Submission, SubmissionCheck

_DESCRIPTION = """\
Checks predicted masks against the images and what was given with them, then writes the zip a server
accepts, and a manifest beside it (recipe, checkpoint, versions). Every video and frame must be
there under its own name, as an 8-bit palette PNG of the frame's size that holds no id the
first-frame masks do not have. Everything that is wrong is listed, and then nothing is written.
"""
_EPILOG = """\
example:
  pvuw submit --pred runs/nano/Annotations --images data/valid/JPEGImages \\
      --out nano.zip --format mose

formats: mose, mosev2 and davis hold <video>/<frame>.png, youtube_vos holds
Annotations/<video>/<frame>.png; the same masks always give the same bytes. mevis holds
<video>/<expression>/<frame>.png in black and white, as meta_expressions.json asks, ref_youtube_vos
the same below Annotations/; no first-frame masks are needed.
Exit status: 0, or 2 if anything is missing or wrong.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    for name, text in (
        ("pred", "predicted masks, <video>/<frame>.png or <video>/<expression>/<frame>.png"),
        ("images", "frames of the videos the server asks for, <video>/<frame>.jpg"),
    ):
        parser.add_argument(f"--{name}", type=Path, required=True, metavar="DIR", help=text)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.zip", help="the zip")
    add_void_option(parser)
    parser.add_argument("--format", choices=FORMATS, required=True, help="whose layout; see below")
    parser.add_argument(
        "--annotations",
        type=Path,
        metavar="DIR",
        help="first-frame masks, <video>/<frame>.png (default: the folder named as --images with "
        "JPEGImages replaced by Annotations)",
    )
    parser.add_argument(
        "--expressions",
        type=Path,
        metavar="FILE",
        help="sentences that are asked about (default: meta_expressions.json beside --images; of "
        "ref_youtube_vos ROOT/meta_expressions/SPLIT/meta_expressions.json)",
    )
    parser.add_argument(
        "--videos", type=Path, metavar="FILE", help="text file of the videos to submit, one a line"
    )
    add_workers(parser, "processes that read masks")


def run(args: argparse.Namespace) -> int:
    """Check and pack; 0, or 2 if something is missing or wrong.

    Raises:
        PvuwError: If an option cannot be used.
        DataError: If a folder cannot be listed.
    """
    from pvuw.errors import PvuwError
    from pvuw.io.listing import VideoFolder, list_videos
    from pvuw.io.mask_tree import MaskTree
    from pvuw.submit.check import SubmissionCheck, summary

    if args.out.suffix != ".zip":
        raise PvuwError(f"--out {args.out}: must end in .zip")
    rules = FORMATS[args.format]
    annotations = args.annotations
    if rules.ids_from is not None and annotations is None:
        annotations = _annotations_beside(args.images)
    folder = VideoFolder(
        args.images, annotations=annotations, videos=args.videos, void_id=args.void_id
    )
    known = [video.video_id for video in list_videos(folder)]
    predictions = MaskTree.find(args.pred, known=known)
    asked = _questions(args) if rules.kind == "expression" else None
    submission = _check(SubmissionCheck(predictions, folder, rules, asked), workers=args.workers)
    if submission.problems:
        return _refuse(submission.problems)
    try:
        lines = _write(args.out, submission, rules, predictions=predictions.root)
    except OSError as error:
        raise PvuwError(
            f"{args.out}: cannot be written ({error.strerror}); free some space or choose another "
            "folder, nothing was left behind"
        ) from error
    print("\n".join([*lines, *summary(submission)]))
    return 0


def _annotations_beside(images: Path) -> Path:
    from pvuw.errors import DataError

    folder = images.absolute()
    parts = ["Annotations" if part == "JPEGImages" else part for part in folder.parts]
    beside = Path(*parts)
    if beside == folder or not beside.is_dir():
        raise DataError(
            f"{images}: no first-frame masks found beside it; name their folder with --annotations"
        )
    return beside


def _questions(args: argparse.Namespace) -> "dict[str, AskedVideo]":
    """Return what is asked by video; without the videos of `test` for Ref-YouTube-VOS' `valid`."""
    from pvuw.sources.ref_youtube_vos import sentences_file
    from pvuw.sources.sentences_file import listed_questions

    split = args.images.absolute().parent
    beside, others = split / "meta_expressions.json", None
    if args.format == "ref_youtube_vos":
        beside = sentences_file(split.parent, split.name)
        others = sentences_file(split.parent, "test") if split.name == "valid" else None
    return listed_questions(args.expressions or beside, leave_out=others)


def _check(check: "SubmissionCheck", *, workers: int) -> "Submission":
    from tqdm import tqdm

    # disable=None: no bar where the output is no terminal.
    with tqdm(total=check.num_masks, desc="checking", unit="mask", disable=None) as bar:
        for count in check.findings(workers=workers):
            bar.update(count)
    return check.result()


def _write(
    out: Path, submission: "Submission", rules: SubmissionFormat, *, predictions: Path
) -> list[str]:
    """Write zip and manifest, both or neither; return what to say about them."""
    from tqdm import tqdm

    from pvuw.io.atomic import atomic_path
    from pvuw.submit.manifest import build_manifest, find_recipe, manifest_path
    from pvuw.submit.pack import write_zip

    recipe, manifest = find_recipe(predictions), manifest_path(out)
    with atomic_path(manifest) as temporary_manifest, atomic_path(out) as temporary:
        with tqdm(total=submission.num_masks, desc="packing", unit="mask", disable=None) as bar:
            for count in write_zip(temporary, submission.masks, rules):
                bar.update(count)
        text = build_manifest(out, temporary, submission=submission, rules=rules, recipe=recipe)
        temporary_manifest.write_text(text, encoding="utf-8")
    source = "no recipe found beside the masks" if recipe is None else f"made with {recipe}"
    return [f"{out}: {out.stat().st_size:,} bytes, {rules.name}", f"{manifest}: {source}"]


def _refuse(problems: list[str]) -> int:
    for problem in problems:
        print(f"pvuw: error: {problem}", file=sys.stderr)
    count = f"{len(problems)} problem" + "s" * (len(problems) > 1)
    print(f"pvuw: {count}, so nothing was written", file=sys.stderr)
    return 2
