"""`pvuw ensemble record` and `pvuw ensemble stats`: the performance database."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pvuw.commands.numbers import add_workers
from pvuw.commands.void_option import add_void_option
from pvuw.metrics.names import VIDEO_PROTOCOL_NAMES

if TYPE_CHECKING:
    from pvuw.ensemble.recommend.performance import RecordedVideo, RecordTask

_RECORD_EPILOG = """\
What is recorded per member, video, object and eight frames: J, F, what the pseudo-label and the
frames look like, and how far the member agrees with the pseudo-label. Name members as they will be
named when they are to be chosen, and record all of them at once: their fusion is the pseudo-label.
Without --images, what only frames can tell is not known. A video recorded again replaces what was
known of it. A killed run leaves whole videos.

example:
  pvuw ensemble record --database runs/performance.db --gt data/valid/GroundTruth \\
      --pred sam2=runs/sam2 xmem=runs/xmem --images data/valid/JPEGImages

Exit status: 0; 1 if videos could not be recorded, the others are; 2 for what cannot be used at all.
"""


def add_record_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `record`."""
    parser.description = "Add what members scored on videos with truth to a performance database."
    parser.epilog = _RECORD_EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    _add_database(parser)
    parser.add_argument(
        "--gt", type=Path, metavar="DIR", help="true masks, every frame (with --pred)"
    )
    parser.add_argument(
        "--pred", nargs="+", action="extend", default=[], metavar="[NAME=]DIR",
        help="predicted masks of each member",
    )  # fmt: skip
    parser.add_argument(
        "--scores", nargs="+", action="extend", default=[], metavar="NAME=FILE",
        help="scores that pvuw evaluate --csv wrote, in place of --gt and --pred; needs --label",
    )  # fmt: skip
    parser.add_argument(
        "--label", type=Path, metavar="DIR",
        help="pseudo-label, as from pvuw ensemble fuse (default: the fusion of --pred)",
    )  # fmt: skip
    parser.add_argument("--images", type=Path, metavar="DIR", help="frames, <video>/<frame>.jpg")
    add_void_option(parser)
    parser.add_argument(
        "--data-set", default="", metavar="NAME", help="tells videos of the same name apart"
    )
    add_workers(parser)


def add_stats_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `stats`."""
    parser.description = "Print J&F of every member by kind of video, or what is published of it."
    _add_database(parser)


def run_record(args: argparse.Namespace) -> int:
    """Record and say how much; 1 if a video could not be.

    Raises:
        PvuwError: If options do not go together, or files cannot be used.
    """
    from pvuw.ensemble.recommend.database import PerformanceDatabase
    from pvuw.errors import PvuwError

    if bool(args.scores) == bool(args.pred):
        raise PvuwError("give either --pred with --gt, or --scores with --label")
    found = _from_scores(args) if args.scores else _from_masks(args)
    failed = 0
    with PerformanceDatabase(args.database) as database:
        for video in found:
            if video.problem is not None:
                failed += 1
                print(
                    f"pvuw: video {video.video_id} not recorded: {video.problem}", file=sys.stderr
                )
            else:
                database.record(video.rows)
        num_rows = len(database.rows(protocol=args.protocol))
    print(f"{args.database}: {num_rows} rows by {args.protocol}, {failed} videos failed")
    return 1 if failed else 0


def run_stats(args: argparse.Namespace) -> int:
    """Print the tables.

    Raises:
        PvuwError: If the file cannot be used.
    """
    from pvuw.ensemble.recommend.database import LEVELS, PerformanceDatabase
    from pvuw.ensemble.recommend.stats import member_table, published_table
    from pvuw.errors import PvuwError

    if not args.database.is_file():
        raise PvuwError(f"{args.database}: no such file; fill it with pvuw ensemble record")
    with PerformanceDatabase(args.database) as database:
        rows, outdated = database.rows(protocol=args.protocol), database.num_outdated()
    counts = ", ".join(f"{lev} {sum(row.level == lev for row in rows)}" for lev in LEVELS)
    print(f"{args.database}: {len(rows)} rows by {args.protocol}: {counts}")
    if outdated:
        print(f"note: {outdated} rows are of another version of the features; record them again")
    videos = [row for row in rows if row.level == "video"]
    if videos:
        print(f"\nJ&F (videos)\n{member_table(videos)}")
    else:
        print(
            f"\nnothing recorded yet; members are judged by published figures\n{published_table()}"
        )
    return 0


def _from_masks(args: argparse.Namespace) -> "list[RecordedVideo]":
    """Measure all videos that truth and a member have."""
    from tqdm import tqdm

    from pvuw.ensemble.recommend.performance import record_video
    from pvuw.parallel import map_in_order

    tasks = _tasks(args)
    workers = min(args.workers, len(tasks))
    found = map_in_order(record_video, tasks, workers=workers, name=lambda task: task.video_id)
    # disable=None: no bar where the output is no terminal.
    return list(tqdm(found, total=len(tasks), desc="recording", unit="video", disable=None))


def _tasks(args: argparse.Namespace) -> "list[RecordTask]":
    from pvuw.commands.ensemble_fuse import find_members
    from pvuw.ensemble.members.folders import check_names
    from pvuw.ensemble.recommend.performance import RecordTask
    from pvuw.errors import PvuwError
    from pvuw.io.mask_tree import MaskTree

    if args.gt is None:
        raise PvuwError("--pred needs --gt, the folder of true masks")
    members = find_members(args.pred, [])
    check_names(members)
    truth = MaskTree.find(args.gt).root
    label = None if args.label is None else MaskTree.find(args.label).root
    names = sorted(path.name for path in truth.iterdir() if path.is_dir())
    tasks = []
    for name in names:
        have = tuple(member for member in members if name in member.video_ids())
        for member in members:
            if member not in have:
                print(f"note: {member.name}: no masks of {name}; not recorded")
        if have:
            tasks.append(
                RecordTask(
                    *(name, have, truth, args.data_set, args.protocol, args.void_id),
                    images=args.images,
                    label=label,
                )
            )
    if not tasks:
        raise PvuwError(f"{truth}: no member has a video of it; give the folder they were made for")
    return tasks


def _from_scores(args: argparse.Namespace) -> "list[RecordedVideo]":
    from itertools import groupby

    from pvuw.ensemble.recommend.performance import RecordedVideo, read_scores, rows_of_scores
    from pvuw.errors import PvuwError
    from pvuw.io.mask_tree import MaskTree

    if args.label is None:
        raise PvuwError("--scores needs --label, masks that tell what the videos look like")
    label, found = MaskTree.find(args.label).root, []
    for word in args.scores:
        member, _, file = word.partition("=")
        if not member or not file:
            raise PvuwError(f"--scores {word}: must be NAME=FILE")
        for video_id, lines in groupby(read_scores(Path(file)), key=lambda line: line.video_id):
            rows = rows_of_scores(
                member,
                list(lines),
                label=label,
                images=args.images,
                data_set=args.data_set,
                protocol=args.protocol,
            )
            found.append(RecordedVideo(video_id, list(rows)))
    return found


def _add_database(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--database", type=Path, required=True, metavar="FILE", help="the performance database"
    )
    parser.add_argument(
        "--protocol", choices=VIDEO_PROTOCOL_NAMES, default="mose",
        help="whose rules of scoring (default: %(default)s)",
    )  # fmt: skip
