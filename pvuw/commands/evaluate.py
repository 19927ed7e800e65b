"""`pvuw evaluate`: J and F of a folder of predictions, by the rules of a benchmark."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pvuw.commands.numbers import add_workers
from pvuw.commands.void_option import add_void_option
from pvuw.metrics.names import PROTOCOL_NAMES, REF_DAVIS

if TYPE_CHECKING:
    from pvuw.io.expressions import Expression
    from pvuw.metrics.pairs import ScoredPair, TreePair
    from pvuw.metrics.report import ObjectRow
    from pvuw.metrics.scoring import QueryReport

_DESCRIPTION = """\
Scores predicted masks against the truth: J (region), F (boundary) and their mean, per object.
Both folders hold <video>/<frame>.png with object ids as pixel values; a folder around them, such
as Annotations, is looked into. Missing videos, frames and ids, sizes that differ and unreadable
files are all listed, and then nothing is scored.

protocols (the first three leave out the first and the last frame of a video):
  davis2017  the official DAVIS evaluator; an unknown predicted id is an error
  mose       the same measures on the objects of the first frame; unknown ids are ignored
  mosev2     the official MOSEv2 scorer: smoothed J, size-adaptive F (Fdot), and J&Fdot over
             disappearances (_d) and returns (_r)
  mevis      J and F of what each sentence means, <video>/<expression>/<frame>.png, over all
             frames; every pixel that is not 0 counts. --gt may be a split as MeViS publishes it
             (meta_expressions.json, mask_dict.json), which also gives scores by kind of sentence
             and, where some mean nothing, N-acc, T-acc and the final score
  ref_youtube_vos
             the same; --gt may be a split as it is published, <root>/train
  ref_davis  the answers of each of four annotators merged and scored as unsupervised DAVIS;
             --gt is <root>/valid with <root>/meta_expressions/valid
For these --pred may also be a JSON file, {video: {expression: {"prediction_masks": [RLE, ...]}}}.
"""
_EPILOG = """\
example:
  pvuw evaluate --gt data/valid/GroundTruth --pred runs/nano/Annotations --protocol mose \\
      --csv scores.csv

The last line of the output is 'J&F <x> J <y> F <z>'. Exit status: 0, or 2 if anything is missing.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    parser.add_argument(
        "--gt", type=Path, required=True, metavar="DIR", help="true masks, every frame"
    )
    parser.add_argument("--pred", type=Path, required=True, metavar="DIR", help="predicted masks")
    parser.add_argument(
        "--protocol",
        choices=(*PROTOCOL_NAMES, REF_DAVIS),
        required=True,
        help="whose rules; see above",
    )
    parser.add_argument(
        "--missing",
        choices=("error", "zero"),
        default="error",
        help="a video or expression without any prediction: an error (default), or 0 in every "
        "frame, as the official MeViS evaluator has it",
    )
    add_workers(parser)
    parser.add_argument(
        "--csv",
        type=Path,
        metavar="FILE",
        help="write J, F and J&F of every object, or sentence, to FILE",
    )
    parser.add_argument(
        "--frames-csv", type=Path, metavar="FILE", help="write J and F of every frame to FILE"
    )
    add_void_option(parser)


def run(args: argparse.Namespace) -> int:
    """Score the folders and print the result; 0, or 2 if something is missing or wrong."""
    from pvuw.io.atomic import write_text_atomic
    from pvuw.metrics.protocols import get_protocol
    from pvuw.metrics.report import (
        frame_csv,
        object_csv,
        object_rows,
        summarise,
        summary_lines,
        video_table,
    )
    from pvuw.metrics.sentences import (
        bucket_table,
        existence,
        existence_line,
        rows_of,
        sentence_csv,
    )

    rules = get_protocol("ref_youtube_vos" if args.protocol == REF_DAVIS else args.protocol)
    adaptive = rules.has_adaptive_f
    found, reports, sentences = _scored(args, rules.kind)
    problems = found.problems + [line for report in reports for line in report.problems]
    if problems:
        return _refuse(problems)
    results = [(r.query_id, r.frame_names, r.result) for r in reports if r.result is not None]
    rows = [row for video_id, _, result in results for row in object_rows(video_id, result)]
    asked = rows_of(((query_id, result) for query_id, _, result in results), sentences)
    if args.csv is not None:
        text = sentence_csv(asked) if asked else object_csv(rows, adaptive=adaptive)
        write_text_atomic(args.csv, text)
    if args.frames_csv is not None:
        write_text_atomic(args.frames_csv, frame_csv(results, adaptive=adaptive))
    for note in [*found.notes, *_id_notes(reports)]:
        print(f"note: {note}")
    print(_header(rows, args.protocol, rules.kind))
    print(video_table(rows, adaptive=adaptive))
    if asked:
        lost = [pair.query_id for pair in found.pairs if pair.prediction is None]
        told = existence(asked, unanswered=lost)
        print("\n".join([bucket_table(asked), *([existence_line(told)] if told else [])]))
    print(summary_lines(summarise(rows), adaptive=adaptive))
    return 0


def _scored(
    args: argparse.Namespace, kind: str
) -> "tuple[TreePair, list[QueryReport], dict[str, Expression]]":
    """Return truth and predictions side by side, their scores, and the sentences if known."""
    from pvuw.metrics.pairs import TreePair, pair_trees

    paths = (args.gt, args.pred)
    if kind == "expression":
        # The readers of sources take longer to import than most scores to compute.
        from pvuw.commands.evaluate_sentences import is_data_set, pair_annotators, pair_sentences
        from pvuw.metrics.ref_davis import score_annotators

        if args.protocol == REF_DAVIS:
            annotators, problems = pair_annotators(*paths, missing=args.missing)
            done = score_annotators(annotators, workers=args.workers) if not problems else ()
            return TreePair(problems=problems), _gathered(done, len(annotators)), {}
        if is_data_set(args.gt, args.protocol):
            asked = pair_sentences(*paths, args.protocol, missing=args.missing)
            return asked.found, _score(asked.found.pairs, args), asked.sentences
    found = pair_trees(*paths, args.protocol, void_id=args.void_id, missing=args.missing)
    return found, _score(found.pairs, args), {}


def _score(pairs: "Sequence[ScoredPair]", args: argparse.Namespace) -> list["QueryReport"]:
    """Return the reports of all queries in the order of their ids."""
    from pvuw.metrics.scoring import score_pairs

    return _gathered(score_pairs(pairs, args.protocol, workers=args.workers), len(pairs))


def _gathered(reports: "Iterable[QueryReport]", total: int) -> list["QueryReport"]:
    from tqdm import tqdm

    # disable=None: no bar where the output is no terminal.
    bar = tqdm(reports, desc="scoring videos", total=total, unit="video", disable=None)
    return sorted(bar, key=lambda report: report.query_id)


def _refuse(problems: Sequence[str]) -> int:
    for problem in problems:
        print(f"pvuw: error: {problem}", file=sys.stderr)
    count = f"{len(problems)} problem" + "s" * (len(problems) > 1)
    print(f"pvuw: {count}, so nothing was scored", file=sys.stderr)
    return 2


def _header(rows: Sequence["ObjectRow"], protocol: str, kind: str) -> str:
    num_videos = len({row.video_id for row in rows})
    object_frames = sum(row.num_frames for row in rows)
    return (
        f"{protocol}: {num_videos} {kind}s, {len(rows)} objects, {object_frames} object frames; "
        "worst videos first"
    )


def _id_notes(reports: Sequence["QueryReport"]) -> list[str]:
    """Say which ids of the predictions and of the truth had no part in the scores."""
    from pvuw.io.folder import shorten

    extra = [
        f"{report.query_id}: {object_id} in {frames} frames"
        for report in reports
        if report.result is not None
        for object_id, frames in report.result.extra_ids.items()
    ]
    unscored = [
        f"{report.query_id}: {object_id}"
        for report in reports
        if report.result is not None
        for object_id in report.result.unscored_ids
    ]
    notes = []
    if extra:
        notes.append(f"predicted ids that are no object are ignored ({shorten(extra)})")
    if unscored:
        notes.append(f"true ids that the protocol does not score ({shorten(unscored)})")
    return notes
