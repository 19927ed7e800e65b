"""Which videos a folder holds. Imports no torch; looks at names only, into video files alone."""

import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pvuw.errors import DataError
from pvuw.io.folder import (
    PICTURES,
    list_folder,
    list_names,
    name_problem,
    printable,
    shorten,
)
from pvuw.io.frame_order import in_order
from pvuw.io.mask_store import NO_MASKS, MaskStore
from pvuw.io.masks import AUTO
from pvuw.io.png_masks import PngMasks
from pvuw.io.text import plain_id, read_ids
from pvuw.io.video_decode import scan
from pvuw.io.video_file import VideoFile, find_video_files, frame_names, is_video_name
from pvuw.io.videos import FolderFiles, Video

_FRAME_SUFFIXES = frozenset({"jpg", "jpeg", "png"})
MASK_SUFFIXES = frozenset({"png"})
_OTHER_VIDEOS = frozenset(
    ("wmv", "flv", "ts", "mts", "m2ts", "3gp", "ogv", "vob", "asf", "mxf", "gif")
)
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
        void_id: Mask value of pixels without ground truth. `auto`: 255, but object 1 in a grayscale
            mask of nothing but 0 and 255; null: no value, 255 is an object.
    """

    images: Path
    annotations: Path | None = None
    truth: Path | None = None
    # The list comes first: the parser writes a value back through the first type that takes it.
    videos: list[str] | Path | None = None
    exclude: list[str] | Path | None = None
    void_id: int | Literal["auto"] | None = AUTO


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
        list_video_file(folder, files[video_id])
        if video_id in files
        else list_frame_folder(folder, video_id)
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
    folders = [] if folder.images.is_file() else _video_folders(folder)
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


def list_frame_folder(folder: VideoFolder, video_id: str) -> Video:
    """Return the video whose frames are the files of a folder; what is wrong is its `problem`."""
    images = folder.images / video_id
    try:
        if (problem := name_problem(video_id)) is not None:
            raise DataError(f"{folder.images}: {problem}")
        files = files_by_stem(images, _FRAME_SUFFIXES)
        if not files:
            raise DataError(f"{images}: holds no frames; {_no_frames_fix(images)}")
        stems = in_order(files)
        annotations = _list_masks(folder, folder.annotations, video_id, stems)
        truth = _list_masks(folder, folder.truth, video_id, stems)
    except DataError as error:
        return Video(printable(video_id), FolderFiles(images, []), problem=str(error))
    return Video(
        video_id,
        FolderFiles(images, [sys.intern(files[stem]) for stem in stems]),
        annotations,
        truth=truth,
    )


def list_video_file(folder: VideoFolder, path: Path) -> Video:
    """Return the video a file holds; what is wrong is its `problem`."""
    try:
        index = scan(path)
        frames = frame_names(index.num_frames)
        annotations = _list_masks(folder, folder.annotations, path.stem, frames)
        truth = _list_masks(folder, folder.truth, path.stem, frames)
    except DataError as error:
        return Video(printable(path.stem), FolderFiles(path, []), problem=str(error))
    return VideoFile(path, index, annotations, truth=truth)


def _list_masks(
    folder: VideoFolder, root: Path | None, video_id: str, frames: Sequence[str]
) -> MaskStore:
    """Return the mask of each frame; none where the video has no folder of masks.

    Raises:
        DataError: If a mask has no frame, or the folder cannot be used.
    """
    if root is None or not os.path.lexists(root / video_id):
        return NO_MASKS
    files = files_by_stem(root / video_id, MASK_SUFFIXES)
    if lost := sorted(files.keys() - set(frames)):
        raise DataError(
            f"{root / video_id / files[lost[0]]}: mask of a frame that does not exist among the "
            f"{len(frames)} frames of the video; remove the mask or add the frame"
        )
    return PngMasks.by_stem(root / video_id, files, frames, void_id=folder.void_id)


def files_by_stem(folder: Path, suffixes: frozenset[str]) -> dict[str, str]:
    """Return stem -> file name of the pictures in a folder.

    Raises:
        DataError: If it cannot be listed, or a picture would be left out: one of a kind that is not
            read, two of one stem, or one whose name is not UTF-8.
    """
    files: dict[str, str] = {}
    for name in list_names(folder):
        stem, kind = name.rpartition(".")[0], _suffix(name)
        if kind in suffixes and stem:
            if files.setdefault(stem, name) != name:
                both = ", ".join(sorted((name, files[stem])))
                raise DataError(f"{folder}: several files for one frame ({both}); keep one of them")
        elif kind in PICTURES:
            raise DataError(
                f"{folder / name}: a picture that is not read here, only "
                f"{', '.join(sorted(suffixes))}; convert it or move it out of the folder"
            )
    if name_problem("".join(files)) is not None:
        bad = min(name for name in files.values() if name_problem(name) is not None)
        raise DataError(f"{folder}: {name_problem(bad)}")
    return files


def _no_frames_fix(folder: Path) -> str:
    if list_folder(folder).folders:
        return "its folders might be the videos, then give this folder as `images`"
    return "add .jpg or .png files or leave the video out"


def _video_folders(folder: VideoFolder) -> list[str]:
    """Return the folders of frames; warns of what looks like video and is left out.

    A link that leads nowhere counts, so that a disk that is not mounted is noticed.
    """
    found = list_folder(folder.images)
    folders = found.folders + [name for name in found.lost if not is_video_name(name)]
    if left_out := [name for name in found.files if _suffix(name) in PICTURES | _OTHER_VIDEOS]:
        warnings.warn(
            f"{folder.images}: left out {shorten(left_out)}; frames of a video go into a folder of "
            "its own, other kinds of video files must be converted to mp4",
            stacklevel=4,
        )
    if folder.videos is None and folder.annotations is not None:
        known = {*folders, *(Path(name).stem for name in found.files + found.lost)}
        if alone := sorted(set(list_folder(folder.annotations).folders) - known):
            warnings.warn(
                f"{folder.annotations}: masks of {shorten(alone)}, but no frames in "
                f"{folder.images}; these videos are left out",
                stacklevel=4,
            )
    return folders


def _suffix(name: str) -> str:
    return name.rpartition(".")[2].lower()
