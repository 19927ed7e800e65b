"""`pvuw report`: one HTML page to look at predictions, the worst video first."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pvuw.commands.void_option import add_void_option
from pvuw.metrics.names import VIDEO_PROTOCOL_NAMES

if TYPE_CHECKING:
    from pvuw.io.videos import Video
    from pvuw.report.page import ReportSize
    from pvuw.report.settings import ReportSettings

_DESCRIPTION = """\
Writes one page that opens from disk and loads nothing else: scores of every video and object,
worst first, timelines of J, F and area, masks over frames with a slider and each object on or off,
and a second prediction beside the first. Without --gt but with --against the scores say how far the
two predictions agree. Of an answer of 'pvuw ensemble' the members are found and shown beside it:
who agrees where, who was followed and why. A browser reads a video's pictures when it is opened, so
hundreds are fine.
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

Exit status: 0, or 1 if the page names problems (frames without a mask, unreadable files).
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    for name, text in (
        ("images", "frames, <video>/<frame>.jpg, or video files"),
        ("pred", "predicted masks, <video>/<frame>.png"),
        ("gt", "true masks; videos that have all of them are scored"),
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

    for name in ("max_side", "frames_per_video", "workers"):
        if getattr(args, name) < 1:
            option = name.replace("_", "-")
            raise PvuwError(f"--{option} {getattr(args, name)}: must be at least 1")
    videos = list_videos(VideoFolder(args.images, videos=args.videos))
    settings, said = _settings(args, [video.video_id for video in videos])
    predicted, notes = _predicted(videos, settings.sides[0].root)
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
        f"{args.out}: {size.num_bytes / 1e6:.1f} MB, {len(size.videos)} videos, "
        f"{size.num_pictures} pictures"
    )
    return 1 if lines else 0


def _settings(args: argparse.Namespace, video_ids: list[str]) -> "tuple[ReportSettings, list[str]]":
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
    if args.gt is not None:
        root = MaskTree.find(args.gt, known=video_ids).root
        truth = MaskSource("truth", root, args.void_id, may_be_sparse=True)
    ensemble, notes = find_ensemble(roots[0], name_members(args.members))
    settings = ReportSettings(
        sides=tuple(map(MaskSource, _labels(roots), roots)),
        truth=truth,
        protocol=args.protocol,
        max_side=args.max_side,
        frames_per_video=args.frames_per_video,
        ensemble=ensemble,
    )
    return settings, notes


def _labels(roots: list[Path]) -> list[str]:
    """Return what to call folders of masks: by their run's name, or by where that differs."""
    names = [[part for part in root.resolve().parts if part != "Annotations"] for root in roots]
    depth = 1
    while len({tuple(parts[-depth:]) for parts in names}) < len(names) and depth < 9:
        depth += 1
    return ["/".join(parts[-depth:]) for parts in names]


def _predicted(videos: "list[Video]", root: Path) -> "tuple[list[Video], list[str]]":
    """Return the videos that have predictions, and a note about the others."""
    from pvuw.errors import DataError
    from pvuw.io.folder import shorten

    shown = [video for video in videos if (root / video.video_id).is_dir()]
    if not shown:
        raise DataError(f"{root}: holds no prediction of any of the videos; check both folders")
    rest = [video.video_id for video in videos if not (root / video.video_id).is_dir()]
    notes = [f"{len(rest)} videos without predictions are left out ({shorten(rest)})"]
    return shown, notes if rest else []


def _write(
    args: argparse.Namespace, videos: "list[Video]", settings: "ReportSettings", notes: list[str]
) -> "ReportSize":
    from tqdm import tqdm

    from pvuw.report.entry import EntryTask
    from pvuw.report.page import write_report

    tasks = (EntryTask(video, settings) for video in videos)
    # disable=None: no bar where the output is no terminal.
    with tqdm(total=len(videos), desc="looking", unit="video", disable=None) as bar:
        return write_report(
            args.out,
            tasks,
            settings,
            workers=min(args.workers, len(videos)),
            notes=notes,
            on_video=bar.update,
        )
