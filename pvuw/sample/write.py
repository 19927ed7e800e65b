"""Writing a sample in MOSE's layout, whole or not at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pvuw.errors import DataError
from pvuw.io.masks import write_id_map
from pvuw.sample.events import EventLog
from pvuw.sample.expressions import write_expressions
from pvuw.sample.job import Job, in_processes, write_jpeg
from pvuw.sample.manifest import (
    GENERATOR,
    MANIFEST,
    Manifest,
    PlannedVideo,
    SampleSpec,
    SampleVideo,
    planned_videos,
    read_manifest,
    write_manifest,
)
from pvuw.sample.scene import check_size


def write_sample(out: Path, spec: SampleSpec, *, workers: int = 1) -> Manifest:
    """Write a sample, or leave the very same one as it is, and return what it holds.

    `out/train` and `out/valid` hold `JPEGImages/<video>/00000.jpg` and palette PNGs
    `Annotations/<video>/00000.png`. Train annotates every object in every frame. Valid annotates
    the first frame only; `GroundTruth/<video>/` holds those objects, and no others, in every frame.
    With sentences it is MeViS' layout instead, see `pvuw.sample.expressions`.

    Args:
        out: Folder to create; it may exist if it is empty.
        spec: What to generate.
        workers: Processes that draw videos; 1 draws in this one.

    Raises:
        DataError: If `out` holds something else, cannot be written, or the frames are too small.
    """
    check_size(spec.size_hw)
    if workers < 1:
        raise DataError(f"sample: needs at least 1 process, got {workers}; ask for more workers")
    existing = find_sample(out, spec)
    if existing is not None:
        return existing
    try:
        with _atomic_folder(out) as folder:
            jobs = [Job(folder, spec, video) for video in planned_videos(spec)]
            if spec.expressions:
                manifest = Manifest(spec, [], sentences=write_expressions(jobs, workers))
            else:
                manifest = Manifest(spec, list(in_processes(_write_video, jobs, workers)))
            write_manifest(folder, manifest)
    except OSError as error:
        raise DataError(
            f"{out}: the sample could not be written ({error}); "
            "choose a folder that is writable and has room"
        ) from error
    return manifest


def find_sample(out: Path, spec: SampleSpec) -> Manifest | None:
    """Return what `out` holds if it is this very sample, None if there is nothing.

    Raises:
        DataError: If `out` holds something else.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return None
    if not (out / MANIFEST).is_file():
        raise DataError(f"{out}: exists and is no sample; choose another folder or remove it")
    found = read_manifest(out)
    have = asdict(found.spec) | {"generator": found.generator}
    want = asdict(spec) | {"generator": GENERATOR}
    for name, value in want.items():
        if have[name] != value:
            raise DataError(
                f"{out}: holds a sample with {name} {have[name]}, not {value}; "
                "choose another folder or remove it"
            )
    return found


@contextmanager
def _atomic_folder(out: Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes `out` when the block succeeds, else is removed."""
    target = out.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    temporary.mkdir()
    try:
        yield temporary
        temporary.replace(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)  # gone already where the block succeeded


def _write_video(job: Job) -> SampleVideo:
    video, log = job.video, EventLog()
    split = job.root / job.video.split
    named: list[int] = []
    for time, sample in enumerate(job.frames()):
        if time == 0:
            named = _named_ids(video, list(sample.states), sample.id_map)
        log.add({object_id: sample.states[object_id] for object_id in named})
        id_map = _only(sample.id_map, named)
        name = Path(video.video_id) / f"{time:05d}"
        write_jpeg(split / "JPEGImages" / name.with_suffix(".jpg"), sample.frame)
        if video.split == "train" or time == 0:
            write_id_map(split / "Annotations" / name.with_suffix(".png"), id_map)
        if video.split == "valid":
            write_id_map(split / "GroundTruth" / name.with_suffix(".png"), id_map)
    return SampleVideo(video.video_id, video.split, named, log.absences())


def _named_ids(
    video: PlannedVideo, object_ids: list[int], first_id_map: NDArray[np.uint8]
) -> list[int]:
    """Ids the annotations of a video use: all in train, in valid those the first frame shows."""
    if video.split == "train":
        return object_ids
    shown = set(np.unique(first_id_map).tolist())
    return [object_id for object_id in object_ids if object_id in shown]


def _only(id_map: NDArray[np.uint8], object_ids: list[int]) -> NDArray[np.uint8]:
    """Id map without objects that are not listed."""
    kept = np.zeros(256, np.uint8)
    kept[object_ids] = object_ids
    return kept[id_map]
