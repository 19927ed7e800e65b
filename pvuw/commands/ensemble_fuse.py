"""`pvuw ensemble vote`, `fuse` and `select`: folders of masks into one."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from pvuw.ensemble.members.folders import Member, check_names
from pvuw.ensemble.members.output import claim_folder
from pvuw.ensemble.video import AnswerTask, EnsembleConfig, VideoReport, run_video
from pvuw.errors import DataError, PvuwError
from pvuw.io.frame_order import natural_key
from pvuw.io.lock import FolderLock
from pvuw.io.text import read_ids
from pvuw.parallel import map_in_order


def run_fusion(args: argparse.Namespace) -> int:
    """Fuse given folders."""
    members = find_members(args.pred, args.weight)
    check_names(members)
    config = EnsembleConfig(
        method=args.method,
        members=tuple(members),
        granularity=args.granularity,
        images=args.images,
        database=args.database,
        protocol=args.protocol,
    )
    return fuse_videos(config, args.out, videos=args.videos, workers=args.workers)


def fuse_videos(config: EnsembleConfig, out: Path, *, videos: Path | None, workers: int) -> int:
    """Run all videos and print what became of them; 0, or 1 if some failed.

    Args:
        config: Method and members.
        out: The ensemble's folder.
        videos: Text file of the videos to do; None: all that any member has.
        workers: Processes.

    Raises:
        DataError: If a folder or list cannot be used.
    """
    video_ids = _video_ids(config, videos)
    _keep_apart(config, out)
    if config.method == "select" and config.database is None:
        print(f"pvuw: warning: {_without_record(config)}", file=sys.stderr)
    with FolderLock(out):
        claim_folder(out, _summary(config, out))
        tasks = [AnswerTask(config, out, video_id) for video_id in video_ids]
        workers = min(workers, len(tasks))
        reports = map_in_order(run_video, tasks, workers=workers, name=lambda task: task.video_id)
        # disable=None: no bar where the output is no terminal.
        bar = tqdm(reports, total=len(tasks), desc=config.method, unit="video", disable=None)
        return _tell(list(bar), out)


def find_members(folders: list[str], weights: list[str]) -> list[Member]:
    """Return the members that `[NAME=]DIR` and `NAME=W` words describe.

    Raises:
        PvuwError: If a word is none, or a weight is of a member that is not there.
    """
    worth: dict[str, float] = {}
    for word in weights:
        name, _, number = word.rpartition("=")
        try:
            worth[name] = float(number)
        except ValueError:
            raise PvuwError(f"--weight {word}: must be NAME=NUMBER") from None
    members = []
    for word in folders:
        name, _, folder = word.rpartition("=") if not Path(word).exists() else ("", "", word)
        found = Member.find(Path(folder), name=name or None)
        members.append(replace(found, weight=worth.get(found.name, 1.0)))
    if unknown := sorted(worth.keys() - {member.name for member in members}):
        known = ", ".join(member.name for member in members)
        raise PvuwError(f"--weight {unknown[0]}: no member has this name, they are {known}")
    return members


def _video_ids(config: EnsembleConfig, videos: Path | None) -> list[str]:

    present = set[str]().union(*(member.video_ids() for member in config.members))
    if videos is None:
        return sorted(present, key=natural_key)
    wanted = read_ids(videos)
    if lost := [video_id for video_id in wanted if video_id not in present]:
        raise DataError(f"{videos}: no member has video {lost[0]!r}; correct the list")
    return wanted


def _summary(config: EnsembleConfig, out: Path) -> dict[str, object]:
    """Return what `ensemble.json` says; folders inside of `out` are named from there."""
    root = out.resolve()
    masks = {member.name: member.masks.resolve() for member in config.members}
    return {
        "method": config.method,
        "granularity": config.granularity,
        "members": config.weights,
        "masks": {
            name: str(folder.relative_to(root) if folder.is_relative_to(root) else folder)
            for name, folder in masks.items()
        },
    }


def _without_record(config: EnsembleConfig) -> str:
    """Say what `select` comes to where nothing is recorded."""
    weights = config.weights
    best = [name for name, weight in weights.items() if weight == max(weights.values())]
    whom = f"{best[0]} wherever it has masks"
    if len(best) > 1:
        whom = f"whichever of {', '.join(best)} agrees most, which is worse than their majority"
    return (
        f"select without a database follows {whom}; fuse uses all members, pvuw ensemble record "
        "makes a database"
    )


def _keep_apart(config: EnsembleConfig, out: Path) -> None:

    for member in config.members:
        if (out / "Annotations").resolve() == member.masks.resolve():
            raise PvuwError(f"--out {out}: is the folder of member {member.name}; give another one")


def _tell(reports: list[VideoReport], out: Path) -> int:
    """Print notes, failures and a summary; the exit status."""
    for report in reports:
        for note in report.notes:
            print(f"note: {note}")
    failed = [report for report in reports if report.failure is not None]
    for report in failed:
        print(f"pvuw: video {report.video_id} failed: {report.failure}", file=sys.stderr)
    skipped = sum(report.skipped for report in reports)
    done = len(reports) - skipped - len(failed)
    frames = sum(report.num_frames for report in reports)
    print(
        f"{out / 'Annotations'}: {done} videos written, {skipped} there already, {len(failed)} "
        f"failed; {frames} frames in all"
    )
    return 1 if failed else 0
