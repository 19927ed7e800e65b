"""`pvuw report`: one HTML page to look at predictions, the worst video first."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pvuw.commands.void_option import add_void_option
from pvuw.metrics.names import VIDEO_PROTOCOL_NAMES

if TYPE_CHECKING:
    from pvuw.io.queries import Query
    from pvuw.io.videos import Video
    from pvuw.report.page import ReportSize
    from pvuw.report.settings import ReportSettings

_DESCRIPTION = """\
Writes one page that opens from disk and loads nothing else: scores of every video and object,
worst first, timelines of J, F and area, masks over frames with a slider and each object on or off,
and a second prediction beside the first. Without --gt but with --against the scores say how far the
two predictions agree. Of an answer of 'pvuw ensemble' the members are found and shown beside it:
who agrees where, who was followed and why. With sentences (--text, or --gt of MeViS) the lines are
those: each with its words, its target and the answer. A browser reads a video's pictures when it is
opened, so hundreds are fine.
"""
_EPILOG = """\
examples:
  pvuw report --images data/valid/JPEGImages --pred runs/nano/Annotations \\
      --gt data/valid/GroundTruth --out report.html
  pvuw report --images data/valid/JPEGImages --pred runs/tta/Annotations \\
      --against runs/nano/Annotations --gt data/valid/GroundTruth --out tta.html
  pvuw report --images data/valid/JPEGImages --pred runs/pgmr --out pgmr.html
  pvuw report --images data/valid/JPEGImages --pred runs/chosen \\
      --members sam2=runs/sam2 cutie=runs/cutie --out chosen.html
  pvuw report --images mevis/valid_u/JPEGImages --pred runs/told --gt mevis/valid_u --out told.html

Exit status: 0, or 1 if the page names problems (frames without a mask, unreadable files).
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    for name, text in (
        ("images", "frames, <video>/<frame>.jpg, or video files"),
        ("pred", "predicted masks, <video>/<frame>.png"),
        ("gt", "true masks; videos that have all of them are scored; or a split of MeViS"),
        ("against", "another prediction of the same videos"),
    ):
        parser.add_argument(
            f"--{name}", type=Path, metavar="DIR", help=text, required=name in ("images", "pred")
        )
    parser.add_argument(
        "--members",
        nargs="+",
        action="extend",
        default=[],
        metavar="[NAME=]DIR",
        help="masks of an ensemble's members, named as there (default: where pvuw ensemble noted)",
    )
    parser.add_argument(
        "--text",
        metavar="TEXT|FILE",
        help="what was asked: a sentence, a file .json in MeViS' layout, or .txt with lines "
        "video<TAB>sentence; for masks <video>/<sentence>/<frame>.png",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the page, .html")
    add_void_option(parser)
    parser.add_argument(
        "--videos", type=Path, metavar="FILE", help="text file of the videos to show, one a line"
    )
    parser.add_argument(
        "--protocol",
        choices=VIDEO_PROTOCOL_NAMES,
        default="mose",
        help="whose rules J and F follow, see 'pvuw evaluate --help' (default: %(default)s)",
    )
    for option, default, text in (
        ("max-side", 360, "longer side of the pictures, pixels"),
        ("frames-per-video", 24, "most pictures of a video; timelines always have every frame"),
        ("workers", os.cpu_count() or 1, "processes, one video each at a time"),
    ):
        parser.add_argument(
            f"--{option}",
            type=int,
            default=default,
            metavar="N",
            help=f"{text} (default: {default})",
        )


def run(args: argparse.Namespace) -> int:
    """Write the page; 0, or 1 if it names problems.

    Raises:
        PvuwError: If an option cannot be used or the disk refuses.
        DataError: If a folder cannot be listed or holds no prediction of these videos.
    """
    from pvuw.errors import PvuwError
    from pvuw.io.listing import VideoFolder, list_videos
    from pvuw.io.queries import Query

    for name in ("max_side", "frames_per_video", "workers"):
        if getattr(args, name) < 1:
            option = name.replace("_", "-")
            raise PvuwError(f"--{option} {getattr(args, name)}: must be at least 1")
    videos = list_videos(VideoFolder(args.images, videos=args.videos))
    asked = _asked(args, videos)
    settings, said = _settings(args, [video.video_id for video in videos], asked)
    queries = asked or [Query.of(video) for video in videos]
    predicted, notes = _predicted(queries, settings)
    notes += said
    try:
        size = _write(args, predicted, settings, notes)
    except OSError as error:
        raise PvuwError(
            f"{args.out}: cannot be written ({error.strerror}); free some space or choose another "
            "folder, nothing was left behind"
        ) from error
    lines = [line for video in size.videos for line in video.problems]
    for line in lines:
        print(f"pvuw: {line}", file=sys.stderr)
    for note in notes:
        print(f"note: {note}")
    print(
        f"{args.out}: {size.num_bytes / 1e6:.1f} MB, {_counted(settings, len(size.videos))}, "
        f"{size.num_pictures} pictures"
    )
    return 1 if lines else 0


def _asked(args: argparse.Namespace, videos: "list[Video]") -> "list[Query]":
    """Return what sentences ask of the videos, with the truth if known; none: no sentences.

    Raises:
        PvuwError: If sentences come from two places.
    """
    from pvuw.errors import PvuwError
    from pvuw.sources.mevis import is_truth

    if args.gt is not None and is_truth(args.gt):
        from pvuw.sources.asked import truths_asked_of

        if args.text is not None:
            raise PvuwError(f"--text: {args.gt} says what was asked; leave out --text")
        return truths_asked_of(videos, args.gt)
    if args.text is None:
        return []
    from pvuw.sources.asked import asked_by

    return asked_by(args.text, videos, images=args.images)


def _settings(
    args: argparse.Namespace, video_ids: list[str], asked: "list[Query]"
) -> "tuple[ReportSettings, list[str]]":
    """Return what to make the page with, and notes."""
    from pvuw.io.mask_tree import MaskTree
    from pvuw.report.members.folder import find_ensemble, name_members
    from pvuw.report.settings import ReportSettings
    from pvuw.report.sides import MaskSource

    roots = [
        MaskTree.find(folder, known=video_ids).root
        for folder in (args.pred, args.against)
        if folder is not None
    ]
    truth = None
    if any(query.truth is not None for query in asked):
        truth = MaskSource("truth", None, may_be_sparse=True)
    elif args.gt is not None:
        root = MaskTree.find(args.gt, known=video_ids).root
        truth = MaskSource("truth", root, args.void_id, may_be_sparse=True)
    ensemble, notes = None, list[str]()
    if not asked:  # of members' sentences nothing is noted
        ensemble, notes = find_ensemble(roots[0], name_members(args.members))
    settings = ReportSettings(
        sides=tuple(map(MaskSource, _labels(roots), roots)),
        truth=truth,
        protocol="mevis" if asked else args.protocol,
        max_side=args.max_side,
        frames_per_video=args.frames_per_video,
        ensemble=ensemble,
        asks="expression" if asked else "video",
    )
    return settings, notes


def _labels(roots: list[Path]) -> list[str]:
    """Return what to call folders of masks: by their run's name, or by where that differs."""
    names = [[part for part in root.resolve().parts if part != "Annotations"] for root in roots]
    depth = 1
    while len({tuple(parts[-depth:]) for parts in names}) < len(names) and depth < 9:
        depth += 1
    return ["/".join(parts[-depth:]) for parts in names]


def _predicted(
    queries: "list[Query]", settings: "ReportSettings"
) -> "tuple[list[Query], list[str]]":
    """Return what has predictions, and a note about the rest."""
    from pvuw.errors import DataError
    from pvuw.io.folder import shorten

    root = settings.sides[0].root
    assert root is not None
    there = [(root / query.query_id).is_dir() for query in queries]
    shown = [query for query, found in zip(queries, there, strict=True) if found]
    if not shown:
        nouns = "sentences" if settings.asks == "expression" else "videos"
        raise DataError(f"{root}: holds no prediction of any of the {nouns}; check both folders")
    rest = [query.query_id for query, found in zip(queries, there, strict=True) if not found]
    counted = _counted(settings, len(rest))
    return shown, [f"{counted} without predictions are left out ({shorten(rest)})"] if rest else []


def _counted(settings: "ReportSettings", count: int) -> str:
    return f"{count} {'sentences' if settings.asks == 'expression' else 'videos'}"


def _write(
    args: argparse.Namespace, queries: "list[Query]", settings: "ReportSettings", notes: list[str]
) -> "ReportSize":
    from tqdm import tqdm

    from pvuw.report.entry import EntryTask
    from pvuw.report.page import write_report

    of_videos: dict[str, list[Query]] = {}
    for query in queries:
        of_videos.setdefault(query.video.video_id, []).append(query)
    tasks = (EntryTask(tuple(asked), settings) for asked in of_videos.values())
    # disable=None: no bar where the output is no terminal.
    with tqdm(total=len(of_videos), desc="looking", unit="video", disable=None) as bar:
        return write_report(
            args.out,
            tasks,
            settings,
            workers=min(args.workers, len(of_videos)),
            notes=notes,
            on_video=bar.update,
        )
