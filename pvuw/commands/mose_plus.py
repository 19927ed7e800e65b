"""`pvuw mose-plus`: one training set out of MOSE and the videos of other sources like it."""

import argparse
import os
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from pvuw.errors import PvuwError

if TYPE_CHECKING:
    from pvuw.io.records import VideoRecord
    from pvuw.mose_plus.build.manifest import ManifestEntry
    from pvuw.mose_plus.config import MosePlusConfig
    from pvuw.mose_plus.select.choose import Selection

_MAX_WORKERS = 8
_SHOWN_REASONS = 4
_SHOWN_PROBLEMS = 50

_EPILOG = """
actions:
  (none)          choose videos and build DIR; the same command again goes on or brings up to date
  verify DIR      look at every file of a build again
  report DIR      write one HTML page: traits, what was chosen and why, pictures, licences

a build holds:
  DIR/train/JPEGImages/<video>/00000.jpg  Annotations/<video>/00000.png   ids 1..N in every frame
  DIR/valid/...                           held-out videos, with GroundTruth (build.valid_share)
  DIR/moseplus.txt, train.txt, valid.txt  ids of the videos
  DIR/manifest.jsonl, build.json          every decision with its reason; the settings

examples:
  pvuw mose-plus --config data/mose_plus.yaml --out data/MOSE+ --dry-run
  pvuw mose-plus --config data/mose_plus.yaml --out data/MOSE+ --workers 8
  pvuw mose-plus verify data/MOSE+

Exit status: 0 all in order, 1 some videos are broken or verify found problems, 2 a wrong setting.
See docs/mose_plus.md.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.description = (
        "Builds MOSE+: MOSE train and those videos of other sources that are like it, never an "
        "evaluation video, never a video twice, in MOSE's layout."
    )
    parser.epilog = _EPILOG
    parser.usage = (
        "pvuw mose-plus --config FILE --out DIR [--dry-run] [--workers N] [--cache DIR]\n"
        "       pvuw mose-plus verify DIR [--evaluation PATH] [--workers N]\n"
        "       pvuw mose-plus report DIR [--out FILE]"
    )
    add = parser.add_argument
    add(
        "action",
        nargs="?",
        choices=("build", "verify", "report"),
        default="build",
        help="what to do (default: build)",
    )
    add("build", nargs="?", type=Path, metavar="DIR", help="the build to verify or report on")
    add("--config", metavar="FILE", help="settings, your own or a shipped one")
    add("--out", type=Path, metavar="DIR", help="folder to build; for report the page to write")
    add(
        "--evaluation",
        action="append",
        type=Path,
        metavar="PATH",
        help="for verify: compare frames with the evaluation videos of this folder as well (or ids "
        "with this list); give it once for each",
    )
    add("--dry-run", action="store_true", help="say what would be taken, build nothing")
    add(
        "--workers",
        type=int,
        default=min(os.cpu_count() or 1, _MAX_WORKERS),
        metavar="N",
        help="processes (default: one per core, at most 8)",
    )
    add(
        "--cache",
        type=Path,
        metavar="DIR",
        help="where lists, traits and hashes of the sources are kept from run to run "
        "(default: pvuw/mose_plus in the user's cache folder)",
    )


def run(args: argparse.Namespace) -> int:
    """Do what the action says; 0 if all is in order."""
    if args.workers < 1:
        raise PvuwError(f"--workers: must be at least 1, got {args.workers}; correct it")
    if args.evaluation is not None and args.action != "verify":
        raise PvuwError("--evaluation: is for verify; a build has its own in --config")
    if args.action == "build":
        return _build(args)
    if args.build is None:
        raise PvuwError(f"pvuw mose-plus {args.action}: names no build; add its folder")
    if args.config is not None or args.dry_run:
        raise PvuwError(f"pvuw mose-plus {args.action}: takes no --config and no --dry-run")
    return _verify(args) if args.action == "verify" else _report(args)


def _build(args: argparse.Namespace) -> int:
    from pvuw.mose_plus.config import load_config
    from pvuw.mose_plus.select.choose import choose_videos
    from pvuw.recipes import find_config

    if args.build is not None:
        raise PvuwError(f"pvuw mose-plus build: unexpected {args.build}; give --out {args.build}")
    if args.config is None or (args.out is None and not args.dry_run):
        raise PvuwError("pvuw mose-plus: needs --config FILE and --out DIR; see --help")
    config = load_config(Path(find_config(args.config)))
    cache = args.cache or _user_cache()
    records = _read_sources(config, cache, args.workers)
    selection = choose_videos(records, config, cache=cache, workers=args.workers)
    _print_choice(selection, records)
    _name_unmatched(selection)
    broken = [decision for decision in selection.decisions if decision.traits is None]
    _complain([f"{decision.key}: {decision.reason}" for decision in broken])
    if args.dry_run:
        print("\ndry run: nothing was built")
        return 1 if broken else 0
    failed = _write(selection, records, config, args)
    return 1 if broken or failed else 0


def _write(
    selection: "Selection",
    records: "list[VideoRecord]",
    config: "MosePlusConfig",
    args: argparse.Namespace,
) -> bool:
    """Write the build; True if a video could not be built."""
    from pvuw.mose_plus.build.build import build_videos

    entries = build_videos(selection, records, config, out=args.out, workers=args.workers)
    wanted = {decision.key for decision in selection.admitted}
    failed = [entry for entry in entries if entry.key in wanted and not entry.admitted]
    _complain([f"{entry.key}: {entry.reason}" for entry in failed])
    _print_built(args.out, entries)
    return bool(failed)


def _verify(args: argparse.Namespace) -> int:
    from pvuw.mose_plus.build.verify import verify_build

    found = verify_build(args.build, workers=args.workers, evaluation=args.evaluation or ())
    if found.problems:
        _complain(found.problems, shown=_SHOWN_PROBLEMS)
        print(f"{args.build}: {len(found.problems)} problems", file=sys.stderr)
        return 1
    subsets = ", ".join(f"{count} {subset}" for subset, count in sorted(found.videos.items()))
    print(
        f"{args.build}: OK, {found.videos.total()} videos ({subsets}), {found.frames} frames, "
        f"{found.objects} objects"
    )
    return 0


def _report(args: argparse.Namespace) -> int:
    from pvuw.mose_plus.report.page import write_build_report

    out = args.out or args.build / "report.html"
    write_build_report(args.build, out)
    print(out)
    return 0


def _name_unmatched(selection: "Selection") -> None:
    from pvuw.io.folder import shorten

    for name, ids in selection.unmatched.items():
        print(
            f"pvuw: note: {name}: {len(ids)} ids are no video of the sources ({shorten(ids)}); "
            "they keep nothing out",
            file=sys.stderr,
        )


def _read_sources(config: "MosePlusConfig", cache: Path, workers: int) -> "list[VideoRecord]":
    from pvuw.sources import SourceSpec
    from pvuw.sources.index import load_records

    records: list[VideoRecord] = []
    for entry in config.sources:
        spec = SourceSpec(entry.source, entry.root, entry.split, entry.variant, [*entry.exclude])
        records += load_records(spec, cache_dir=cache, workers=workers)
    return records


def _user_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "pvuw" / "mose_plus"


def _print_choice(selection: "Selection", records: "list[VideoRecord]") -> None:
    """Print, for each source, how much is taken and why the rest is not."""
    from pvuw.mose_plus.report.reasons import reason_group
    from pvuw.mose_plus.select.analysis import key_of

    frames = {key_of(record): len(record.annotated) for record in records}
    names = list(dict.fromkeys((d.source, d.split) for d in selection.decisions))
    width = max(len(" ".join(name)) for name in names)
    print(f"{'source':{width}}  videos   taken  frames  refused")
    for name in names:
        decisions = [d for d in selection.decisions if (d.source, d.split) == name]
        taken = [d for d in decisions if d.admitted]
        total = sum(frames[d.key] for d in taken)
        row = f"{len(decisions):6}  {len(taken):6}  {total:6}  {len(decisions) - len(taken):7}"
        print(f"{' '.join(name):{width}}  {row}")
        reasons = Counter(reason_group(d).title for d in decisions if not d.admitted)
        for reason, count in reasons.most_common(_SHOWN_REASONS):
            print(f"{'':{width}}  {count:6}  {reason}")
    print(f"{'all':{width}}  {len(selection.decisions):6}  {len(selection.admitted):6}")


def _print_built(out: Path, entries: "list[ManifestEntry]") -> None:
    videos = [entry.built for entry in entries if entry.built is not None]
    frames = sum(video.num_frames for video in videos)
    licences = Counter(entry.licence for entry in entries if entry.admitted)
    print(f"\n{out}: {len(videos)} videos, {frames} frames; decisions in {out / 'manifest.jsonl'}")
    for licence, count in licences.most_common():
        print(f"  {count:6} videos under: {licence}")
    print(f"\nnext: pvuw mose-plus verify {out}")


def _complain(lines: list[str], *, shown: int = 10) -> None:
    for line in lines[:shown]:
        print(line, file=sys.stderr)
    if len(lines) > shown:
        print(f"... and {len(lines) - shown} more", file=sys.stderr)
