"""Sources kept as folders of frames and palette masks: MOSE, DAVIS, YouTube-VOS, LVOS."""

import hashlib
import os
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from pvuw.io.folder import list_folder
from pvuw.io.listing import VideoFolder, list_videos
from pvuw.io.masks import AUTO, VoidId, read_id_map
from pvuw.io.png_masks import PngMasks, values_in
from pvuw.io.records import ObjectInfo, VideoRecord
from pvuw.io.videos import FolderFiles, Video
from pvuw.sources.base import Reader, require_folder, visible_bits


class FolderReader(Reader):
    """Reads `<root>/<split>/{JPEGImages,Annotations}/<video>/<frame>.{jpg,png}`.

    Objects are numbered in ascending order of their pixel values over all masks of the video, so
    gaps close and a value that first appears late comes after smaller ones. That takes one look at
    every mask; an index keeps the result.
    """

    void_id: ClassVar[VoidId] = AUTO
    tree: ClassVar[str] = "<root>/<split>/{JPEGImages,Annotations}/<video>/00000.{jpg,png}"

    def base(self) -> Path:
        """Return the folder that holds images and masks of the split."""
        return self.root / self.split

    def folders(self) -> tuple[Path, Path]:
        """Return the folder of images and the folder of masks.

        Raises:
            DataError: If one is missing.
        """
        images, annotations = self.base() / "JPEGImages", self.base() / "Annotations"
        return (
            require_folder(images, tree=self.tree),
            require_folder(annotations, tree=self.tree),
        )

    def listed_ids(self) -> Sequence[str] | None:
        """Return the ids of the split, or None where the folders themselves are the list."""
        return None

    def categories(self, video_id: str) -> Mapping[int, str]:
        """Return class names by pixel value, where the source knows them."""
        del video_id
        return {}

    def stamps(self) -> dict[str, str]:
        """Return the video ids, sorted, with what changes when their files do.

        Of frames the names count, which the time of their folder tells; of masks also what is in
        them, so that one corrected in place is noticed by its size and time.
        """
        images, annotations = self.folders()
        frames, masks = folder_times(images), mask_stamps(annotations)
        listed = self.listed_ids()
        ids = frames if listed is None else listed
        # An id without a folder keeps an empty stamp; reading it says what is missing.
        return {
            video_id: f"{frames.get(video_id, '')} {masks.get(video_id, '')}"
            for video_id in sorted(self.included(ids))
        }

    def read(self, units: Sequence[str]) -> Iterator[tuple[str, VideoRecord]]:
        """Yield the named videos, in sorted order."""
        images, annotations = self.folders()
        if not units:
            return
        for video in list_videos(VideoFolder(images, annotations, videos=list(units))):
            video.check_prompts()
            yield video.video_id, self._record(video)

    def _record(self, video: Video) -> VideoRecord:
        frames, masks = video.frame_paths, video.annotations
        assert isinstance(frames, FolderFiles)
        assert isinstance(masks, PngMasks)
        seen = _frames_by_value(masks, self.void_id)
        classes = self.categories(video.video_id)
        few = self.split in self.facts.prompt_splits and len(masks) < len(frames)
        return VideoRecord(
            source=self.facts.name,
            split=self.split,
            video_id=video.video_id,
            frame_dir=frames.folder,
            frame_files=frames.names,
            objects=tuple(
                ObjectInfo(i, str(value), classes.get(value), visible_bits(seen[value]))
                for i, value in enumerate(sorted(seen), start=1)
            ),
            store=PngMasks(masks.folder, masks.names, tuple(sorted(seen)), self.void_id),
            licence=self.facts.licence,
            fps=self.facts.fps,
            exhaustive=self.facts.exhaustive,
            prompts_only=few,
        )


def _frames_by_value(masks: PngMasks, void_id: VoidId) -> dict[int, list[int]]:
    seen: defaultdict[int, list[int]] = defaultdict(list)
    for frame_idx in masks:
        for value in values_in(read_id_map(masks.path(frame_idx), void_id=void_id)):
            seen[value].append(frame_idx)
    return dict(seen)


def folder_times(folder: Path) -> dict[str, str]:
    """Return the sub-folders of a folder, each with the time files in it last came or went."""
    found = list_folder(folder)
    times = {sys.intern(name): str((folder / name).stat().st_mtime_ns) for name in found.folders}
    # A link that leads nowhere is a video too; reading it says what is wrong.
    return times | dict.fromkeys(found.lost, "")


def mask_stamps(folder: Path) -> dict[str, str]:
    """Return the sub-folders of a folder, each with a digest of names, sizes, times."""
    found = list_folder(folder)
    return {sys.intern(name): _stamp_of(folder / name) for name in found.folders}


def _stamp_of(folder: Path) -> str:
    try:
        with os.scandir(folder) as entries:
            stats = [(entry.name, entry.stat(follow_symlinks=False)) for entry in entries]
    except OSError:
        return ""  # reading it says what is wrong
    lines = sorted(f"{name} {stat.st_size} {stat.st_mtime_ns}" for name, stat in stats)
    digest = hashlib.blake2b(os.fsencode("\n".join(lines)), digest_size=10)
    return f"{folder.stat().st_mtime_ns} {digest.hexdigest()}"
