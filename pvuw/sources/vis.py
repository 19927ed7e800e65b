"""The format OVIS and YouTube-VIS share: COCO for videos, one annotation for each object track."""

import sys
from abc import abstractmethod
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pvuw.errors import DataError
from pvuw.io.mask_store import OcclusionLevel
from pvuw.io.records import ObjectInfo, VideoRecord
from pvuw.io.rle import Rle, checked_rle, has_pixels
from pvuw.io.rle_masks import RleMasks
from pvuw.sources.base import Reader, check_frames, require_folder, visible_bits
from pvuw.sources.json_file import JsonFile, Span, member, of_the_format, read_cached

_LEVELS = {
    "no_occlusion": OcclusionLevel.NONE,
    "slight_occlusion": OcclusionLevel.SLIGHT,
    "severe_occlusion": OcclusionLevel.SEVERE,
}


@dataclass(frozen=True, slots=True)
class VisMasks(RleMasks):
    """Masks of a video in a COCO-VIS file, found again by byte range."""

    file: JsonFile
    """The annotation file."""
    spans: tuple[Span, ...]
    """Where the annotation of object 1, 2, ... is."""
    size_hw: tuple[int, int]
    """Size of the video as the file states it, for masks that have none of their own."""

    num_frames: int
    """Frames of the video; each is annotated."""

    def positions(self) -> Sequence[int]:
        """Return the positions of all frames."""
        return tuple(range(self.num_frames))

    def rles(self, frame_idx: int) -> dict[int, Rle]:
        """Return the runs of each object visible in a frame, by ascending object id."""
        found = {}
        for object_id, track in self._tracks():
            place = f"{self.file.path}: annotation {track.get('id')}, frame {frame_idx}"
            rle = checked_rle(track["segmentations"][frame_idx], self.size_hw, place=place)
            if rle is not None:
                found[object_id] = rle
        return found

    def place(self, frame_idx: int) -> str:
        """Return the file and video as warnings name them."""
        del frame_idx  # one warning a video, not one a frame
        return f"{self.file.path}: video {read_cached(self.file, self.spans)[0].get('video_id')}"

    def occlusions(self, frame_idx: int) -> dict[int, OcclusionLevel]:
        """Return the occlusion label of each visible object that has one."""
        found = {}
        for object_id, track in self._tracks():
            labels = track.get("occlusion")
            place = f"{self.file.path}: annotation {track.get('id')}, frame {frame_idx}"
            visible = has_pixels(track["segmentations"][frame_idx], self.size_hw, place=place)
            if labels is None or not visible or labels[frame_idx] is None:
                continue
            level = _LEVELS.get(str(labels[frame_idx]))
            if level is None:
                raise DataError(
                    f"{place}: occlusion must be one of {', '.join(_LEVELS)}, got "
                    f"{labels[frame_idx]!r}; use the official file"
                )
            found[object_id] = level
        return found

    def _tracks(self) -> Iterator[tuple[int, dict[str, Any]]]:
        return enumerate(read_cached(self.file, self.spans), start=1)


@dataclass
class _Listing:
    """What one walk over a file leaves behind: everything but the masks."""

    videos: list[dict[str, Any]] = field(default_factory=list)
    tracks: dict[int, list["_Track"]] = field(default_factory=lambda: defaultdict(list))
    classes: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Track:
    annotation_id: int
    category_id: int
    span: Span
    num_frames: int
    bits: int | None
    """Frames it is visible in; None: cannot be told without the size of the video (polygons)."""
    has_occlusion: bool


class VisReader(Reader):
    """Reads `{"videos", "annotations", "categories"}` and frames under one folder.

    Objects are numbered in the order of their annotations; a track that is visible nowhere is no
    object. `length` is not used, it is wrong in many files. Videos come in the order of the file.
    A subclass says where things are.
    """

    tree = "<root>"

    @abstractmethod
    def json_path(self) -> Path:
        """Return the annotation file of the split."""

    @abstractmethod
    def image_folder(self) -> Path:
        """Return the folder the file names of the frames start from."""

    def stamps(self) -> dict[str, str]:
        """Return the annotation file, with its size and time and what is excluded from it."""
        file = JsonFile.of(self.json_path())
        require_folder(self.image_folder(), tree=self.tree)
        return {str(file.path): f"{file.num_bytes} {file.mtime_ns} {sorted(self.exclude)}"}

    def read(self, units: Sequence[str]) -> Iterator[tuple[str, VideoRecord]]:
        """Yield the videos of the named annotation files."""
        for unit in units:
            file = JsonFile.of(Path(unit))
            listing = _list_file(file)
            seen: set[str] = set()
            for video in listing.videos:
                with of_the_format(f"{file.path}: one of its videos"):
                    record = self._record(file, listing, video)
                if record.video_id in seen:
                    raise DataError(f"{file.path}: two videos in folder {record.video_id!r}")
                seen.add(record.video_id)
                if record.video_id not in self.exclude:
                    yield unit, record
            self.included(seen)

    def _record(self, file: JsonFile, listing: _Listing, video: dict[str, Any]) -> VideoRecord:
        place = f"{file.path}: video {video.get('id')}"
        folder, names = _split_names(member(video, "file_names", place=place, kind=list), place)
        tracks = listing.tracks.get(member(video, "id", place=place, kind=int), [])
        for track in tracks:
            if track.num_frames != len(names):
                raise DataError(
                    f"{file.path}: annotation {track.annotation_id} has masks for "
                    f"{track.num_frames} frames, its video {len(names)}; use the official file"
                )
        if folder not in self.exclude:
            check_frames(self.image_folder() / folder, names, place=place)
        size_hw = (
            member(video, "height", place=place, kind=int),
            member(video, "width", place=place, kind=int),
        )
        bits = {track.span: _bits(file, track, size_hw) for track in tracks}
        tracks = [track for track in tracks if bits[track.span]]
        return VideoRecord(
            source=self.facts.name,
            split=self.split,
            video_id=folder,
            frame_dir=self.image_folder() / folder,
            frame_files=names,
            objects=tuple(
                ObjectInfo(
                    object_id,
                    str(track.annotation_id),
                    listing.classes.get(track.category_id),
                    bits[track.span],
                )
                for object_id, track in enumerate(tracks, start=1)
            ),
            store=VisMasks(file, tuple(track.span for track in tracks), size_hw, len(names)),
            licence=self.facts.licence,
            fps=self.facts.fps,
            exhaustive=self.facts.exhaustive,
            has_occlusion=bool(tracks) and all(track.has_occlusion for track in tracks),
        )


def _split_names(file_names: list[str], place: str) -> tuple[str, tuple[str, ...]]:
    paths = [Path(name) for name in file_names]
    folders = {str(path.parent) for path in paths}
    if len(folders) != 1:
        raise DataError(
            f"{place}: frames must lie in one folder, got {len(folders)}; use the official file"
        )
    return folders.pop(), tuple(sys.intern(path.name) for path in paths)


def _list_file(file: JsonFile) -> _Listing:
    listing = _Listing()
    for key, value, span in file.elements(("videos", "videos_long", "annotations", "categories")):
        if key in ("videos", "videos_long") and value:
            listing.videos.append(value)
        elif key == "annotations" and value:
            with of_the_format(f"{file.path}: annotation at byte {span[0]}"):
                video_id, track = _track(file, value, span)
            listing.tracks[video_id].append(track)
        elif key == "categories":
            place = f"{file.path}: category {value!r}"
            name = member(value, "name", place=place, kind=str)
            listing.classes[member(value, "id", place=place, kind=int)] = sys.intern(name)
    if not listing.tracks:
        raise DataError(
            f"{file.path}: holds no annotations; masks of the evaluation splits are not public, "
            "use split `train`"
        )
    return listing


def _track(file: JsonFile, annotation: dict[str, Any], span: Span) -> tuple[int, _Track]:
    place = f"{file.path}: annotation {annotation.get('id')}"
    masks = member(annotation, "segmentations", place=place, kind=list)
    labels = annotation.get("occlusion")
    if labels is not None and len(labels) != len(masks):
        raise DataError(
            f"{place}: {len(labels)} occlusion labels for {len(masks)} frames; use the official "
            "file"
        )
    polygons = any(isinstance(mask, list) for mask in masks)
    return member(annotation, "video_id", place=place, kind=int), _Track(
        annotation_id=member(annotation, "id", place=place, kind=int),
        category_id=member(annotation, "category_id", place=place, kind=int),
        span=span,
        num_frames=len(masks),
        bits=None if polygons else _visible_in(masks, (1, 1), place),
        has_occlusion=labels is not None,
    )


def _bits(file: JsonFile, track: _Track, size_hw: tuple[int, int]) -> int:
    if track.bits is not None:
        return track.bits
    place = f"{file.path}: annotation {track.annotation_id}"
    return _visible_in(file.read([track.span])[0]["segmentations"], size_hw, place)


def _visible_in(masks: list[Any], size_hw: tuple[int, int], place: str) -> int:
    return visible_bits(t for t, mask in enumerate(masks) if has_pixels(mask, size_hw, place=place))
