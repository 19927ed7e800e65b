"""From decisions to a data set in MOSE's layout, in steps that can be killed at any point."""

import dataclasses
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from pvuw.errors import DataError
from pvuw.io.atomic import write_text_atomic
from pvuw.io.lock import FolderLock
from pvuw.io.records import VideoRecord
from pvuw.io.typed_yaml import from_mapping
from pvuw.mose_plus.build.build_config import LINK
from pvuw.mose_plus.build.manifest import (
    INFO,
    MANIFEST,
    SUBSETS,
    BuiltVideo,
    ManifestEntry,
    read_manifest,
    write_info,
    write_manifest,
)
from pvuw.mose_plus.build.plan import ChosenVideo, plan_videos
from pvuw.mose_plus.build.summary import Finished, build_info, manifest_entries, write_lists
from pvuw.mose_plus.build.video_out import BuildTask, kinds_of, remove_video, write_video
from pvuw.mose_plus.cache import ResultCache
from pvuw.mose_plus.config import MosePlusConfig
from pvuw.mose_plus.jobs import Job, run_cached
from pvuw.mose_plus.select.analysis import key_of
from pvuw.mose_plus.select.choose import Selection
from pvuw.sources.keys import VideoKey

WORK = ".build"
"""Hidden folder of an unfinished build: journal, list of videos, lock, half videos."""
_HALF, _JOURNAL = "half", "journal.jsonl"


def build_videos(
    selection: Selection,
    records: Sequence[VideoRecord],
    config: MosePlusConfig,
    *,
    out: Path,
    workers: int,
) -> list[ManifestEntry]:
    """Write the admitted videos and return the manifest.

    What an earlier call left, finished or not, is kept where it is still right and replaced where
    it is not; the result does not depend on it. A video that cannot be built is refused in the
    manifest with the reason.

    Args:
        selection: The decisions.
        records: Every video a decision is about.
        config: The settings.
        out: The folder of the build; made if missing.
        workers: Processes.

    Raises:
        DataError: If `out` holds something else, is being written by another process, or frames
            cannot be linked to it.
        PvuwError: If it cannot be written to.
    """
    _check_is_ours(out)
    by_key = {key_of(record): record for record in records}
    planned = plan_videos(selection.admitted, by_key, config)
    work = out / WORK
    jobs = [
        Job(
            key_of(video.record),
            video.fingerprint(config.build),
            BuildTask(video, out, work / _HALF, config.build),
        )
        for video in planned
    ]
    work.mkdir(parents=True, exist_ok=True)
    _check_links(planned, out, config)
    with FolderLock(work):
        shutil.rmtree(work / _HALF, ignore_errors=True)
        with ResultCache(work / _JOURNAL) as journal:
            known = _note_videos(out, planned)
            _bring_up_to_date(journal, jobs, out)
            done, broken = _run(jobs, journal, out, workers)
        _remove_others(out, known, done)
        entries = list(manifest_entries(selection, by_key, config, done, broken))
        write_lists(out, entries)
        write_info(out, build_info(selection, config))
        write_manifest(out, entries)
        shutil.rmtree(work)
    return entries


def _run(
    jobs: Sequence[Job[BuildTask]], journal: ResultCache, out: Path, workers: int
) -> tuple[dict[VideoKey, Finished], dict[VideoKey, str]]:
    """Build what is missing; return what is there, and what is wrong with the others."""
    results, broken = run_cached(
        write_video, jobs, cache=journal, workers=workers, label="building videos"
    )
    messages = {video.key: video.message for video in broken}
    built = (job for job in jobs if job.key not in messages)
    place = f"{out / WORK / _JOURNAL}: "
    done = {
        job.key: Finished(job.fingerprint, from_mapping(result, into=BuiltVideo, place=place))
        for job, result in zip(built, results, strict=True)
    }
    return done, messages


def _check_is_ours(out: Path) -> None:
    """Refuse a folder that holds anything but a build: what is not planned is removed from it."""
    if out.exists() and not out.is_dir():
        raise DataError(f"{out}: is no folder; choose another --out")
    ours = (out / WORK).is_dir() or ((out / MANIFEST).is_file() and (out / INFO).is_file())
    if out.is_dir() and not ours and any(out.iterdir()):
        raise DataError(f"{out}: holds something that is no build; choose another --out")


def _check_links(planned: Sequence[ChosenVideo], out: Path, config: MosePlusConfig) -> None:
    """Say at once, and not after hours, that hard links do not reach another file system."""
    if config.build.frames != LINK:
        return
    device = out.stat().st_dev
    first_of = {(video.record.source, video.record.split): video.record for video in planned}
    for record in first_of.values():
        if record.frame_dir.stat().st_dev != device:
            raise DataError(
                f"{record.frame_dir}: lies on another file system than {out}, hard links cannot "
                "reach it; set build.frames to symlink or encode, or choose another --out"
            )


def _note_videos(out: Path, planned: Sequence[ChosenVideo]) -> set[tuple[str, str]]:
    """Return subset and name of all videos that are or will be in the build, noted on disk.

    Only what was noted is ever removed.
    """
    path = out / WORK / "videos.json"
    noted = {tuple(pair) for pair in json.loads(path.read_text())} if path.exists() else set()
    if (out / MANIFEST).exists():
        built = (entry.built for entry in read_manifest(out))
        noted |= {(video.subset, video.video_id) for video in built if video is not None}
    noted |= {(video.subset, video.video_id) for video in planned}
    write_text_atomic(path, json.dumps(sorted(noted)))
    return {(subset, name) for subset, name in noted}


def _bring_up_to_date(journal: ResultCache, jobs: Sequence[Job[BuildTask]], out: Path) -> None:
    """Let the journal know the videos of a finished build, and forget those no longer there."""
    entries = read_manifest(out) if (out / MANIFEST).exists() else []
    finished = {entry.key: entry for entry in entries if entry.built is not None}
    for job in jobs:
        key, entry, video = str(job.key), finished.get(job.key), job.task.video
        there = all(
            (out / video.subset / kind / video.video_id).is_dir() for kind in kinds_of(video.subset)
        )
        if not there:
            journal.put(key, "", {})
        elif entry is not None and entry.fingerprint == job.fingerprint:
            journal.put(key, job.fingerprint, dataclasses.asdict(cast(BuiltVideo, entry.built)))


def _remove_others(
    out: Path,
    known: set[tuple[str, str]],
    done: Mapping[VideoKey, Finished],
) -> None:
    kept = {(item.video.subset, item.video.video_id) for item in done.values()}
    for subset, video_id in sorted(known - kept):
        remove_video(out, subset, video_id)
    for subset in SUBSETS:
        if not any(where == subset for where, _ in kept) and (out / subset).is_dir():
            _remove_if_empty(out / subset)


def _remove_if_empty(folder: Path) -> None:
    """Remove a folder that holds nothing but empty folders."""
    children = list(folder.iterdir())
    if all(child.is_dir() and not any(child.iterdir()) for child in children):
        shutil.rmtree(folder)
