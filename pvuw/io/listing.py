"""Which videos a folder holds. Imports no torch; looks at names only, into video files alone."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pvuw.errors import DataError
from pvuw.io.frame_order import in_order
from pvuw.io.text import plain_id, read_ids
from pvuw.io.video_decode import scan
from pvuw.io.video_file import VideoFile, find_video_files, frame_names
from pvuw.io.videos import FolderFiles, FolderMasks, Video

_FRAME_SUFFIXES = frozenset({"jpg", "jpeg", "png"})
_MASK_SUFFIXES = frozenset({"png"})
_SHOWN = 10


@dataclass
class VideoFolder:
    """A set of videos: `<images>/<video>/<frame>.jpg`, masks of the same names beside them.

    Args:
        images: Folder with one sub-folder of frames (JPEG or PNG) or one video file for each
            video, or a single video file. Masks of a video file's frames are named by position,
            00000.png and on.
        annotations: Folder with `<video>/<frame>.png`: first-frame masks for prediction, the mask
            of every frame for training.
        truth: Folder with `<video>/<frame>.png` that validation scores against.
        videos: Take these videos only: a text file with one id a line, or the ids themselves.
        exclude: Leave these videos out, given in the same way.
        void_id: Mask value of pixels without ground truth (DAVIS 2017: 255).
    """

    images: Path
    annotations: Path | None = None
    truth: Path | None = None
    # The list comes first: the parser writes a value back through the first type that takes it.
    videos: list[str] | Path | None = None
    exclude: list[str] | Path | None = None
    void_id: int | None = None


def list_videos(folder: VideoFolder) -> list[Video]:
    """Return the videos of a folder, sorted by id.

    A single broken video does not stop the listing; it says so when it is used (`Video.check`).

    Raises:
        DataError: If a folder or the list is missing, or an id of the list has no folder of frames.
    """
    files = find_video_files(folder.images)
    for part in (folder.images, folder.annotations, folder.truth):
        if part is not None and not part.is_dir() and part not in files.values():
            raise DataError(f"{part}: no such folder; check the path")
    return [
        _list_video_file(folder, files[video_id])
        if video_id in files
        else _list_video(folder, video_id)
        for video_id in _video_ids(folder, files)
    ]


def raise_lines(lines: Sequence[str]) -> None:
    """Return nothing for no lines, else raise them as one error, cut after the first ten.

    Raises:
        DataError: If there is a line.
    """
    if not lines:
        return
    rest = [f"... and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    raise DataError("\n".join([*lines[:_SHOWN], *rest]))


def _video_ids(folder: VideoFolder, files: Mapping[str, Path]) -> list[str]:
    folders = [] if folder.images.is_file() else _subfolders(folder.images)
    present = folders + list(files)
    if not present:
        raise DataError(
            f"{folder.images}: holds no video; it must hold one folder of frames, or one video "
            "file, per video"
        )
    if both := sorted(files.keys() & folders):
        raise DataError(
            f"{files[both[0]]}: there is a folder {both[0]!r} of frames too; keep one of them"
        )
    wanted = present if folder.videos is None else _named_ids(folder, folder.videos, present)
    excluded = [] if folder.exclude is None else _named_ids(folder, folder.exclude, present)
    kept = set(wanted) - set(excluded)
    if not kept:
        raise DataError(f"{folder.images}: every video is excluded; correct `exclude` or `videos`")
    return sorted(kept)


def _named_ids(folder: VideoFolder, source: Path | list[str], present: list[str]) -> list[str]:
    """Return the ids a list names, all of which must have a folder."""
    ids = read_ids(source) if isinstance(source, Path) else list(map(plain_id, source))
    name = str(source) if isinstance(source, Path) else "the list of videos"
    if not ids:
        raise DataError(f"{name}: names no video; write one video id a line")
    raise_lines(
        [
            f"{name}: video {video_id!r} has no folder in {folder.images}; correct the list or add "
            "the frames"
            for video_id in sorted(set(ids) - set(present))
        ]
    )
    return ids


def _list_video(folder: VideoFolder, video_id: str) -> Video:
    images = folder.images / video_id
    files, doubled = _files_by_stem(images, _FRAME_SUFFIXES)
    stems = in_order(files)
    position = {stem: i for i, stem in enumerate(stems)}
    annotations, problem = _list_masks(folder.annotations, video_id, position)
    truth, truth_problem = _list_masks(folder.truth, video_id, position)
    problem = problem or truth_problem
    if not stems:
        problem = f"{images}: holds no frames; " + (
            "its folders might be the videos, then give this folder as `images`"
            if _subfolders(images)
            else "add .jpg or .png files or leave the video out"
        )
    elif doubled:
        problem = f"{images}: several files for one frame ({', '.join(doubled)}); keep one of them"
    names = [sys.intern(files[stem]) for stem in stems]
    return Video(
        video_id,
        FolderFiles(images, names),
        annotation_paths=annotations,
        truth_paths=truth,
        void_id=folder.void_id,
        problem=problem,
    )


def _list_video_file(folder: VideoFolder, path: Path) -> Video:
    try:
        index = scan(path)
    except DataError as error:
        return Video(path.stem, FolderFiles(path, []), problem=str(error))
    position = {name: i for i, name in enumerate(frame_names(index.num_frames))}
    annotations, problem = _list_masks(folder.annotations, path.stem, position)
    truth, truth_problem = _list_masks(folder.truth, path.stem, position)
    return VideoFile(
        path,
        index,
        annotations,
        truth_paths=truth,
        void_id=folder.void_id,
        problem=problem or truth_problem,
    )


def _list_masks(
    root: Path | None, video_id: str, position: Mapping[str, int]
) -> tuple[Mapping[int, Path], str | None]:
    """Return the mask of each frame, and what is wrong where a mask has no frame."""
    if root is None or not position:
        return {}, None
    files, _ = _files_by_stem(root / video_id, _MASK_SUFFIXES)
    if lost := sorted(files.keys() - position.keys()):
        return {}, (
            f"{root / video_id / files[lost[0]]}: mask of a frame that does not exist among the "
            f"{len(position)} frames of the video; remove the mask or add the frame"
        )
    names: list[str | None] = [None] * len(position)
    for stem, name in files.items():
        names[position[stem]] = sys.intern(name)
    return FolderMasks(root / video_id, names), None


def _files_by_stem(
    folder: Path, suffixes: frozenset[str]
) -> tuple[dict[str, str], tuple[str, str] | None]:
    """Return stem -> file name, and two names of one stem where there are such.

    A folder that does not exist holds no files.
    """
    files: dict[str, str] = {}
    doubled = None
    try:
        names = os.listdir(folder)  # noqa: PTH208 (names, not a Path for each of a million files)
    except (FileNotFoundError, NotADirectoryError):
        return files, None
    for name in names:
        stem, _, suffix = name.rpartition(".")
        # A leading dot marks our own unfinished files and what file managers leave behind.
        counts = suffix.lower() in suffixes and name[0] != "."
        if counts and files.setdefault(stem, name) != name:
            doubled = (min(name, files[stem]), max(name, files[stem]))
    return files, doubled


def _subfolders(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return [e.name for e in entries if not e.name.startswith(".") and e.is_dir()]
