"""The training videos of a build as its manifest lists them, without listing a million files."""

import functools
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pvuw.errors import DataError
from pvuw.io.listing import raise_lines
from pvuw.io.png_masks import PngMasks
from pvuw.io.videos import FolderFiles, Video

MANIFEST = "manifest.jsonl"
_UNFINISHED = ".build"
_IMAGES, _MASKS = "JPEGImages", "Annotations"


@dataclass(frozen=True, slots=True)
class ListedVideo:
    """One training video of a build, and what the manifest says about it."""

    video: Video
    source: str
    """Name of the source it was taken from."""
    fps: float | None
    """Annotated frames per second, nominal."""


def read_build(root: Path) -> list[ListedVideo]:
    """Return the training videos of a build, sorted by id.

    The manifest says how many frames a video has, and so how its files are called. A build writes
    it last: a folder is listed only if it has changed since, by its time. Files that were damaged
    in place are found when they are read.

    Args:
        root: Folder that `pvuw mose-plus` built.

    Raises:
        DataError: If it is no finished build, or what lies there is not what the manifest names.
    """
    manifest = root / MANIFEST
    if (root / _UNFINISHED).exists():
        raise DataError(
            f"{root / _UNFINISHED}: the build is not finished; give the build command again"
        )
    listed = sorted(_read(manifest), key=lambda line: line.video_id)
    written_ns = manifest.stat().st_mtime_ns
    folders = root / "train" / _IMAGES, root / "train" / _MASKS
    for folder, suffix in zip(folders, ("jpg", "png"), strict=True):
        raise_lines(list(_problems(folder, suffix, listed, written_ns)))
    return [ListedVideo(_video(*folders, line), line.source, line.fps) for line in listed]


@dataclass(frozen=True, slots=True)
class _Line:
    """What is needed of one line of the manifest."""

    video_id: str
    num_frames: int
    source: str
    fps: float | None


def _read(manifest: Path) -> Iterator[_Line]:
    try:
        with manifest.open(encoding="utf-8") as lines:
            for line in lines:
                entry = json.loads(line)
                built = entry["built"]
                if built is not None and built["subset"] == "train":
                    num_frames = len(built["source_frames"])
                    yield _Line(built["video_id"], num_frames, entry["source"], entry["fps"])
    except FileNotFoundError as error:
        raise DataError(
            f"{manifest}: no such file; name a folder that `pvuw mose-plus` built, or train on "
            "other folders with MOSEDataModule"
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{manifest}: not the manifest of a build ({error!r}); run `pvuw mose-plus` again"
        ) from error


def _problems(folder: Path, suffix: str, listed: Sequence[_Line], written_ns: int) -> Iterator[str]:
    """Yield what is missing in a folder of videos, and what the manifest does not name."""
    try:
        with os.scandir(folder) as entries:
            videos = (e for e in entries if e.is_dir() and not e.name.startswith("."))
            times = {entry.name: entry.stat().st_mtime_ns for entry in videos}
    except OSError as error:
        yield f"{folder}: cannot be listed ({error.strerror}); build again"
        return
    for line in listed:
        time_ns = times.pop(line.video_id, None)
        if time_ns is None:
            yield f"{folder / line.video_id}: missing, the manifest names it; build again"
        elif time_ns > written_ns:
            yield from _missing_files(folder / line.video_id, _names(line.num_frames, suffix))
    for name in sorted(times):
        yield f"{folder / name}: the manifest does not name video {name}; build again or remove it"


def _missing_files(folder: Path, names: Sequence[str]) -> Iterator[str]:
    present = set(os.listdir(folder))  # noqa: PTH208 (names, not a Path for each frame)
    missing = [name for name in names if name not in present]
    if missing:
        yield f"{folder / missing[0]}: no such file; remove {folder} and build again"


def _video(images: Path, masks: Path, line: _Line) -> Video:
    return Video(
        line.video_id,
        FolderFiles(images / line.video_id, _names(line.num_frames, "jpg")),
        PngMasks(masks / line.video_id, _names(line.num_frames, "png")),
    )


@functools.cache
def _names(num_frames: int, suffix: str) -> tuple[str, ...]:
    """Return the names of files 0, 1, ...: one tuple for all videos of a length."""
    return tuple(f"{position:05d}.{suffix}" for position in range(num_frames))
