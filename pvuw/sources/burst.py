"""BURST (Athar et al., 2023): masks for TAO's videos, many of them propagated, not exhaustive."""

import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pvuw.errors import DataError
from pvuw.io.frame_order import natural_key
from pvuw.io.mask_store import MaskQuality
from pvuw.io.records import ObjectInfo, VideoRecord
from pvuw.io.rle import Rle, checked_rle, has_pixels
from pvuw.io.rle_masks import RleMasks
from pvuw.sources.base import (
    Reader,
    SourceFacts,
    check_frames,
    first_existing,
    require_folder,
    visible_bits,
)
from pvuw.sources.json_file import JsonFile, Span, member, of_the_format, read_cached

FACTS = SourceFacts(
    "burst",
    "annotations MIT; images under the terms of their origins (AVA, ArgoVerse, BDD, Charades, "
    "HACS, LaSOT, YFCC100M)",
)
_FIRST_FRAMES = "first_frame_annotations.json"
_FPS = {"train": 6.0, "val": 1.0, "test": 1.0}
_TREE = "<root>/annotations/<split>/all_classes.json and <root>/frames/<split>/<dataset>/<sequence>"


@dataclass(frozen=True, slots=True)
class BurstMasks(RleMasks):
    """Masks of a sequence in a BURST file, found again by byte range."""

    file: JsonFile
    """The annotation file."""
    span: Span
    """Where the sequence is."""
    size_hw: tuple[int, int]
    """Size of the sequence; its masks state none."""
    annotated: tuple[int, ...]
    """Frame position of each entry of `segmentations`."""
    tracks: tuple[str, ...]
    """Track id of object 1, 2, ..."""
    rated: bool
    """`is_gt` and `score` mean something."""

    def positions(self) -> Sequence[int]:
        """Return the positions of the annotated frames, ascending."""
        return self.annotated

    def rles(self, frame_idx: int) -> dict[int, Rle]:
        """Return the runs of each object visible in a frame, by ascending object id."""
        found = {}
        for object_id, track, entry in self._entries(frame_idx):
            place = f"{self.place(frame_idx)}, track {track}, annotated frame {frame_idx}"
            rle = checked_rle(entry.get("rle"), self.size_hw, place=place)
            if rle is not None:
                found[object_id] = rle
        return found

    def place(self, frame_idx: int) -> str:
        """Return file and sequence as warnings name them."""
        del frame_idx  # one warning a video, not one a frame
        return f"{self.file.path}: sequence {self._sequence().get('seq_name')!r}"

    def qualities(self, frame_idx: int) -> dict[int, MaskQuality]:
        """Return the quality of each visible mask; a drawn mask scores 1 whatever the file says."""
        if not self.rated:
            return {}
        return {
            object_id: MaskQuality(entry["is_gt"], 1.0 if entry["is_gt"] else entry["score"])
            for object_id, _, entry in self._entries(frame_idx)
            if has_pixels(entry.get("rle"), self.size_hw, place=self.place(frame_idx))
        }

    def _entries(self, frame_idx: int) -> Iterator[tuple[int, str, dict[str, Any]]]:
        entries = self._sequence()["segmentations"][self.annotated.index(frame_idx)]
        for object_id, track in enumerate(self.tracks, start=1):
            if track in entries:
                yield object_id, track, entries[track]

    def _sequence(self) -> dict[str, Any]:
        sequence: dict[str, Any] = read_cached(self.file, (self.span,))[0]
        return sequence


class BurstReader(Reader):
    """Reads `annotations/<split>/*.json` and `frames/<split>/<dataset>/<sequence>/<file>`.

    Of the annotation files the first of `all_classes.json`, `train.json` and
    `first_frame_annotations.json` is taken; the last only introduces objects. A video is named
    `<dataset>_-_<sequence>`, as Cutie does. Objects are numbered by ascending track id. Frames
    without masks may be missing on disk. Train masks are rated: propagated ones carry a score.

    Args:
        facts: `FACTS`.
        root: Folder that holds `annotations` and `frames`.
        split: `train`, `val` or `test`.
        exclude: Video ids to leave out.
    """

    def json_path(self) -> Path:
        """Return the annotation file of the split."""
        names = ("all_classes.json", "train.json", _FIRST_FRAMES)
        folder = self.root / "annotations" / self.split
        return first_existing((folder / name for name in names), tree=_TREE)

    def stamps(self) -> dict[str, str]:
        """Return the annotation file, with its size and time and what is excluded from it."""
        file = JsonFile.of(self.json_path())
        require_folder(self.root / "frames" / self.split, tree=_TREE)
        return {str(file.path): f"{file.num_bytes} {file.mtime_ns} {sorted(self.exclude)}"}

    def read(self, units: Sequence[str]) -> Iterator[tuple[str, VideoRecord]]:
        """Yield the videos of the named annotation files, in their order."""
        for unit in units:
            file = JsonFile.of(Path(unit))
            sequences, classes = _list_file(file)
            seen: set[str] = set()
            for sequence in sequences:
                video_id = _video_id(sequence.row, sequence.place)
                if video_id in seen:
                    raise DataError(f"{file.path}: two sequences are named {video_id!r}")
                seen.add(video_id)
                if video_id not in self.exclude:
                    with of_the_format(sequence.place):
                        record = self._record(file, sequence, classes, video_id)
                    yield unit, record
            self.included(seen)

    def _record(
        self, file: JsonFile, sequence: "_Sequence", classes: dict[int, str], video_id: str
    ) -> VideoRecord:
        row, place = sequence.row, sequence.place
        folder = self.root / "frames" / self.split / row["dataset"] / row["seq_name"]
        frames, annotated = _frames(folder, row, place=place)
        if len(annotated) != sequence.num_annotated:
            raise DataError(
                f"{place}: {len(annotated)} annotated images but masks for "
                f"{sequence.num_annotated}; use the official file"
            )
        tracks = sorted(sequence.seen, key=natural_key)
        categories = row.get("track_category_ids") or {}
        rated = self.split == "train" and sequence.rated
        size_hw = (
            member(row, "height", place=place, kind=int),
            member(row, "width", place=place, kind=int),
        )
        return VideoRecord(
            source=self.facts.name,
            split=self.split,
            video_id=video_id,
            frame_dir=folder,
            frame_files=frames,
            objects=tuple(
                ObjectInfo(
                    object_id,
                    track,
                    classes.get(categories.get(track, -1)),
                    visible_bits(annotated[i] for i in sequence.seen[track]),
                )
                for object_id, track in enumerate(tracks, start=1)
            ),
            store=BurstMasks(file, sequence.span, size_hw, annotated, tuple(tracks), rated),
            licence=self.facts.licence,
            fps=_FPS.get(self.split),
            exhaustive=self.facts.exhaustive,
            prompts_only=file.path.name == _FIRST_FRAMES,
            has_quality=rated,
        )


@dataclass(frozen=True, slots=True)
class _Sequence:
    """What one walk over a file keeps of a sequence: everything but the masks."""

    row: dict[str, Any]
    place: str
    span: Span
    seen: dict[str, list[int]]
    """Entries of `segmentations` each track is visible in."""
    num_annotated: int
    rated: bool


def _list_file(file: JsonFile) -> tuple[list[_Sequence], dict[int, str]]:
    sequences, classes = [], {}
    for key, value, span in file.elements(("sequences", "categories")):
        if key == "sequences" and value:
            with of_the_format(f"{file.path}: sequence at byte {span[0]}"):
                sequences.append(_sequence(file, value, span))
        elif key == "categories" and value:
            place = f"{file.path}: category {value!r}"
            name = member(value, "name", place=place, kind=str)
            classes[member(value, "id", place=place, kind=int)] = sys.intern(name)
    if not sequences:
        raise DataError(f"{file.path}: holds no sequences; use the official file")
    return sequences, classes


def _sequence(file: JsonFile, row: dict[str, Any], span: Span) -> _Sequence:
    place = f"{file.path}: sequence {row.get('seq_name')!r}"
    frames = member(row, "segmentations", place=place, kind=list)
    seen: defaultdict[str, list[int]] = defaultdict(list)
    rated = True
    for i, entries in enumerate(frames):
        for track, entry in entries.items():
            rated = rated and "is_gt" in entry and "score" in entry
            if has_pixels(entry.get("rle"), (1, 1), place=place):
                seen[track].append(i)
    kept = {key: value for key, value in row.items() if key != "segmentations"}
    return _Sequence(kept, place, span, dict(seen), len(frames), rated)


def _video_id(row: dict[str, Any], place: str) -> str:
    dataset = member(row, "dataset", place=place, kind=str)
    name = member(row, "seq_name", place=place, kind=str)
    # A name with a slash still has to be one folder.
    return f"{dataset}_-_{name}".replace("/", "_")


def _frames(
    folder: Path, row: dict[str, Any], *, place: str
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return the frames on disk in time order, and the positions of the annotated ones."""
    names = member(row, "all_image_paths", place=place, kind=list)
    annotated = member(row, "annotated_image_paths", place=place, kind=list)
    present = check_frames(folder, annotated, place=place)
    frames = tuple(sys.intern(name) for name in names if name in present)
    position = {name: i for i, name in enumerate(frames)}
    strange = [name for name in annotated if name not in position]
    if strange:
        raise DataError(
            f"{place}: {strange[0]!r} is annotated but not among its images; use the official file"
        )
    return frames, tuple(position[name] for name in annotated)
