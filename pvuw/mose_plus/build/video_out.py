"""One video from its source into a build: whole, or not there at all."""

import dataclasses
import hashlib
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pvuw.errors import DataError
from pvuw.io.masks import read_id_map, resize_id_map, write_id_map
from pvuw.io.png_masks import count_pixels
from pvuw.io.records import VideoRecord
from pvuw.mose_plus.build.build_config import ENCODE, BuildConfig
from pvuw.mose_plus.build.frames_out import disk_errors, output_size, write_frames
from pvuw.mose_plus.build.manifest import TRAIN, VALID, BuiltObject, BuiltVideo, frame_name
from pvuw.mose_plus.build.plan import ChosenVideo

IMAGES, PROMPTS, TRUTH = "JPEGImages", "Annotations", "GroundTruth"


@dataclass(frozen=True, slots=True)
class BuildTask:
    """What a worker process needs to build one video."""

    video: ChosenVideo
    build: Path
    """The folder of the build."""
    work: Path
    """A folder on the same file system, for what is not finished."""
    config: BuildConfig


def write_video(task: BuildTask) -> dict[str, Any]:
    """Build a video and return its `BuiltVideo` as plain values.

    Everything is made in the work folder and then takes its place, `JPEGImages` last: a video whose
    frames can be seen has all its masks.

    Raises:
        DataError: If the source cannot be read, or no object has a pixel left.
        PvuwError: If the build cannot be written to.
    """
    video, work = task.video, task.work / task.video.video_id
    remove_video(task.build, video.subset, video.video_id)
    shutil.rmtree(work, ignore_errors=True)
    with disk_errors(work):
        (work / IMAGES).mkdir(parents=True)
    try:
        built = _write_parts(video, work, task.config)
        with disk_errors(task.build):
            _publish(task.build, video, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return dataclasses.asdict(built)


def kinds_of(subset: str) -> tuple[str, ...]:
    """Return the folders of a subset in the order they are filled: the one that counts, last."""
    return (PROMPTS, IMAGES) if subset == TRAIN else (TRUTH, PROMPTS, IMAGES)


def remove_video(build: Path, subset: str, video_id: str) -> None:
    """Take a video out of the build, frames first, so that none is ever seen without masks."""
    for kind in reversed(kinds_of(subset)):
        folder = build / subset / kind / video_id
        if folder.exists():
            shutil.rmtree(folder)


def digest_files(folder: Path) -> str:
    """Return a digest of names and contents of all files of a folder, 32 hexadecimal digits."""
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        digest.update(f"{path.name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _write_parts(video: ChosenVideo, work: Path, config: BuildConfig) -> BuiltVideo:
    record = video.record
    size_hw = output_size(record.size_hw, config.short_side)
    masks = work / (PROMPTS if video.subset == TRAIN else TRUTH)
    encoded = write_frames(record, work / IMAGES, config)
    objects = _write_masks(record, masks, size_hw, first_only=video.subset == VALID)
    if video.subset == VALID:
        first = f"{frame_name(0)}.png"
        (work / PROMPTS).mkdir()
        shutil.copyfile(masks / first, work / PROMPTS / first)
    return BuiltVideo(
        video_id=video.video_id,
        subset=video.subset,
        size_hw=size_hw,
        frame_mode=ENCODE if encoded == len(record.annotated) else config.frames,
        num_encoded=encoded,
        source_frames=tuple(record.frame_files[t] for t in record.annotated),
        objects=objects,
        frames_digest=digest_files(work / IMAGES),
        masks_digest=digest_files(masks),
    )


def _write_masks(
    record: VideoRecord, folder: Path, size_hw: tuple[int, int], *, first_only: bool
) -> tuple[BuiltObject, ...]:
    """Write the id map of each annotated frame; objects without a pixel in any are left out.

    Args:
        record: The video.
        folder: Where 00000.png, 00001.png, ... go.
        size_hw: Size in the build.
        first_only: Leave out, too, what the first frame does not show.
    """
    pixels: list[dict[int, int]] = []
    for position, frame_idx in enumerate(record.annotated):
        id_map = resize_id_map(record.read_id_map(frame_idx), size_hw)
        pixels.append(count_pixels(id_map))
        with disk_errors(folder):
            write_id_map(folder / f"{frame_name(position)}.png", id_map)
    kept = sorted(pixels[0] if first_only else set().union(*pixels))
    if not kept:
        where = "first frame" if first_only else "video"
        raise DataError(
            f"{record.frame_dir}: no object has a pixel in the {where} at "
            f"{size_hw[1]}x{size_hw[0]}; raise build.short_side or list the video under `exclude`"
        )
    if kept != sorted(set().union(*pixels)) or kept[-1] != len(kept):
        _renumber(folder, kept)
    return tuple(_objects(record, kept, pixels))


def _objects(
    record: VideoRecord, kept: list[int], pixels: list[dict[int, int]]
) -> Iterator[BuiltObject]:
    infos: Mapping[int, Any] = {info.object_id: info for info in record.objects}
    for object_id, record_id in enumerate(kept, start=1):
        counts = [frame[record_id] for frame in pixels if record_id in frame]
        info = infos[record_id]
        yield BuiltObject(
            object_id, record_id, info.source_id, info.category, sum(counts), len(counts)
        )


def _renumber(folder: Path, kept: list[int]) -> None:
    """Give the kept ids the numbers 1..N in all masks of a folder, all others 0."""
    new_ids = np.zeros(256, dtype=np.uint8)
    new_ids[kept] = np.arange(1, len(kept) + 1)
    for path in sorted(folder.iterdir()):
        write_id_map(path, new_ids[read_id_map(path)])


def _publish(build: Path, video: ChosenVideo, work: Path) -> None:
    for kind in kinds_of(video.subset):
        target = build / video.subset / kind / video.video_id
        target.parent.mkdir(parents=True, exist_ok=True)
        (work / kind).rename(target)
