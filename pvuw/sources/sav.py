"""SA-V (Ravi et al., 2024), validation and test: one folder of masks for each object."""

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pvuw.errors import DataError
from pvuw.io import png
from pvuw.io.listing import VideoFolder, list_videos
from pvuw.io.mask_store import BoolMask, MaskStore
from pvuw.io.masks import fit_mask, read_id_map
from pvuw.io.records import ObjectInfo, VideoRecord
from pvuw.io.text import read_ids
from pvuw.io.videos import FolderFiles
from pvuw.sources.base import Reader, SourceFacts, require_folder, visible_bits
from pvuw.sources.folders import folder_times, mask_stamps

FACTS = SourceFacts("sav", "CC BY 4.0", fps=6.0)


@dataclass(frozen=True, slots=True)
class ObjectFolderMasks(MaskStore):
    """Masks of a video in one PNG for each object and frame; objects may overlap."""

    folder: Path
    """Folder of the video, holding one folder for each object."""
    folders: tuple[str, ...]
    """Folder of object 1, 2, ..."""
    stems: tuple[str, ...]
    """Stem of the mask file of each frame."""
    annotated: tuple[int, ...]
    """Positions of the frames that have masks, ascending."""

    def positions(self) -> Sequence[int]:
        """Return the positions of the frames that have masks, ascending."""
        return self.annotated

    def place(self, frame_idx: int) -> str:
        """Return folder and file of a frame."""
        return f"{self.folder}/*/{self.stems[frame_idx]}.png"

    def stored_size_hw(self, frame_idx: int) -> tuple[int, int] | None:
        """Return the size of an object's file; None where there is none."""
        sizes = (png.read_header(path).size_hw for _, path in self._paths(frame_idx))
        return next(sizes, None)

    def masks(self, frame_idx: int, size_hw: tuple[int, int]) -> dict[int, BoolMask]:
        """Return the mask of each visible object by object id, bool `[H, W]`; they may overlap."""
        found = {}
        for object_id, path in self._paths(frame_idx):
            mask = fit_mask(read_id_map(path), size_hw, place=str(self.folder)) != 0
            if mask.any():
                found[object_id] = mask
        return found

    def visible_ids(self, frame_idx: int) -> tuple[int, ...]:
        """Return the ids of the visible objects, ascending."""
        return tuple(i for i, path in self._paths(frame_idx) if read_id_map(path).any())

    def _paths(self, frame_idx: int) -> Iterator[tuple[int, Path]]:
        for object_id, name in enumerate(self.folders, start=1):
            path = self.folder / name / f"{self.stems[frame_idx]}.png"
            if path.exists():  # an object has no file where it has not appeared yet
                yield object_id, path


class SAVFolderReader(Reader):
    """Reads `JPEGImages_24fps/<video>/00000.jpg` and `Annotations_6fps/<video>/000/00000.png`.

    Both lie in `<root>/sav_<split>` or in `<root>` itself, with `sav_<split>.txt` naming the
    videos. Every fourth frame is annotated. Objects are numbered in the order of their folders.

    Args:
        facts: `FACTS`.
        root: Folder of the download.
        split: `val` or `test`.
        exclude: Video ids to leave out.
    """

    def base(self) -> Path:
        """Return the folder of the split."""
        nested = self.root / f"sav_{self.split}"
        return nested if nested.is_dir() else self.root

    def folders(self) -> tuple[Path, Path]:
        """Return the folder of images and the folder of masks."""
        tree = "<root>/sav_<split>/{JPEGImages_24fps/<video>,Annotations_6fps/<video>/<object>}"
        return (
            require_folder(self.base() / "JPEGImages_24fps", tree=tree),
            require_folder(self.base() / "Annotations_6fps", tree=tree),
        )

    def stamps(self) -> dict[str, str]:
        """Return the video ids of the official list, with the times of all their folders."""
        images, annotations = self.folders()
        path = self.base() / f"sav_{self.split}.txt"
        if not path.exists():
            raise DataError(f"{path}: no such file; copy the official list of the split")
        frames = folder_times(images)
        return {
            video_id: f"{frames.get(video_id, '')} {_object_times(annotations / video_id)}"
            for video_id in sorted(self.included(read_ids(path)))
        }

    def read(self, units: Sequence[str]) -> Iterator[tuple[str, VideoRecord]]:
        """Yield the named videos, in sorted order."""
        images, annotations = self.folders()
        if not units:
            return
        for video in list_videos(VideoFolder(images, videos=list(units))):
            video.check()
            assert isinstance(video.frame_paths, FolderFiles)
            yield video.video_id, self._record(video.frame_paths, annotations / video.video_id)

    def _record(self, frames: FolderFiles, masks: Path) -> VideoRecord:
        if not masks.is_dir():
            raise DataError(
                f"{masks}: no such folder; copy the masks or list the video under `exclude`"
            )
        stems = tuple(Path(name).stem for name in frames.names)
        found = _scan(masks, stems)
        annotated = sorted({frame_idx for seen in found.values() for frame_idx in seen})
        visible = {
            name: [frame_idx for frame_idx, has_pixels in seen.items() if has_pixels]
            for name, seen in found.items()
        }
        names = tuple(name for name, seen in sorted(visible.items()) if seen)
        return VideoRecord(
            source=self.facts.name,
            split=self.split,
            video_id=masks.name,
            frame_dir=frames.folder,
            frame_files=frames.names,
            objects=tuple(
                ObjectInfo(object_id, name, None, visible_bits(visible[name]))
                for object_id, name in enumerate(names, start=1)
            ),
            store=ObjectFolderMasks(masks, names, stems, tuple(annotated)),
            licence=self.facts.licence,
            fps=self.facts.fps,
        )


def _scan(folder: Path, stems: Sequence[str]) -> dict[str, dict[int, bool]]:
    """Return for each object folder the annotated frames and whether the object is visible."""
    position = {stem: i for i, stem in enumerate(stems)}
    found: defaultdict[str, dict[int, bool]] = defaultdict(dict)
    for path in sorted(folder.glob("[!.]*/[!.]*.png")):
        if path.stem not in position:
            raise DataError(f"{path}: mask of a frame that does not exist; extract all frames")
        found[path.parent.name][position[path.stem]] = bool(np.any(read_id_map(path)))
    if not found:
        raise DataError(f"{folder}: holds no masks; expected <object>/00000.png")
    return dict(found)


def _object_times(folder: Path) -> str:
    return " ".join(sorted(mask_stamps(folder).values())) if os.path.isdir(folder) else ""  # noqa: PTH112
