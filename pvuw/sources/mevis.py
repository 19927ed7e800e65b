"""MeViS (Ding et al., 2023): sentences about motion, and masks of the objects they mean."""

import functools
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pvuw.errors import DataError
from pvuw.io.expressions import Expression
from pvuw.io.records import ObjectInfo, VideoRecord
from pvuw.io.rle import ANY_SIZE, Rle, checked_rle, has_pixels
from pvuw.io.rle_masks import RleMasks
from pvuw.sources.base import (
    Reader,
    SourceFacts,
    check_frames,
    require_folder,
    visible_bits,
)
from pvuw.sources.json_file import JsonFile, Span, member, of_the_format, read_cached
from pvuw.sources.sentences_file import listed_frames, listed_text, listed_videos

FACTS = SourceFacts("mevis", "CC BY-NC-SA 4.0, non-commercial research only")
_MASKS, _EXPRESSIONS = "mask_dict.json", "meta_expressions.json"
_TREE = f"<root>/<split>/JPEGImages/<video>/00000.jpg, {_EXPRESSIONS} and {_MASKS}"


@dataclass(frozen=True, slots=True)
class MevisMasks(RleMasks):
    """Masks of a video in `mask_dict.json`, found again by byte range."""

    file: JsonFile
    """The annotation file."""
    spans: tuple[Span, ...]
    """Where the masks of object 1, 2, ... are."""
    annotations: tuple[str, ...]
    """Annotation id of object 1, 2, ..."""

    num_frames: int
    """Frames of the video; each is annotated."""

    def positions(self) -> Sequence[int]:
        """Return the positions of all frames."""
        return tuple(range(self.num_frames))

    def rles(self, frame_idx: int) -> dict[int, Rle]:
        """Return the runs of each object visible in a frame, by ascending object id."""
        return dict(_runs_of_frame(self, frame_idx))

    def place(self, frame_idx: int) -> str:
        """Return the file and the video's first annotation as warnings name them."""
        del frame_idx  # one warning a video, not one a frame
        return f"{self.file.path}: annotation {', '.join(self.annotations[:1]) or 'none'}"


@functools.lru_cache(maxsize=512)
def _runs_of_frame(masks: MevisMasks, frame_idx: int) -> tuple[tuple[int, Rle], ...]:
    """Return the checked runs of a frame; all sentences about a video ask for the same ones."""
    found = []
    tracks = zip(masks.annotations, read_cached(masks.file, masks.spans), strict=True)
    for object_id, (annotation, runs) in enumerate(tracks, start=1):
        place = f"{masks.file.path}: annotation {annotation}, frame {frame_idx}"
        rle = checked_rle(runs[frame_idx], ANY_SIZE, place=place)
        if rle is not None:
            found.append((object_id, rle))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Track:
    """What one walk over the masks keeps of an annotation."""

    span: Span
    num_frames: int
    bits: int
    """Frames it is visible in."""


@dataclass(frozen=True, slots=True)
class _Sentence:
    expression_id: str
    text: str
    annotations: tuple[str, ...]
    kind: str


@dataclass(frozen=True, slots=True)
class _Listed:
    """One video of the file of sentences."""

    video_id: str
    place: str
    stems: tuple[str, ...]
    sentences: tuple[_Sentence, ...]

    @property
    def annotations(self) -> set[str]:
        """Ids of all annotations its sentences name."""
        return {name for sentence in self.sentences for name in sentence.annotations}


class MevisReader(Reader):
    """Reads `<root>/<split>/{JPEGImages/<video>/00000.jpg,meta_expressions.json,mask_dict.json}`.

    Only sentences say which video an annotation belongs to, so an annotation no sentence names is
    no object. Objects are numbered by ascending annotation id, `source_id`; one that is visible
    nowhere is left out, of the sentences too. Videos come in the order of the file.

    Args:
        facts: `FACTS`.
        root: Folder that holds the splits.
        split: `train` or `valid_u`; `valid` and `test` have no public masks.
        exclude: Video ids to leave out.
        frames: Whether the frames must be there; to score, masks are enough.
    """

    def __init__(
        self,
        facts: SourceFacts,
        root: Path,
        *,
        split: str = "train",
        exclude: Collection[str] = (),
        frames: bool = True,
    ) -> None:
        super().__init__(facts, root, split=split, exclude=exclude)
        self.frames = frames

    def stamps(self) -> dict[str, str]:
        """Return the file of masks, with the state of both files and what is excluded."""
        folder = require_folder(self.root / self.split, tree=_TREE)
        if self.frames:
            require_folder(folder / "JPEGImages", tree=_TREE)
        path = folder / _MASKS
        if not path.exists():
            raise DataError(
                f"{path}: no such file; masks of `valid` and `test` are not public, use split "
                "`train` or `valid_u`"
            )
        files = JsonFile.of(path), JsonFile.of(folder / _EXPRESSIONS)
        states = " ".join(f"{file.num_bytes} {file.mtime_ns} {file.head()}" for file in files)
        return {str(path): f"{states} {sorted(self.exclude)}"}

    def read(self, units: Sequence[str]) -> Iterator[tuple[str, VideoRecord]]:
        """Yield the videos of the named files of masks."""
        for unit in units:
            file = JsonFile.of(Path(unit))
            sentences = file.path.with_name(_EXPRESSIONS)
            with of_the_format(str(sentences)):
                listed = list(_read_sentences(sentences))
            kept = self.included(video.video_id for video in listed)
            videos = [video for video in listed if video.video_id in kept]
            with of_the_format(unit):
                tracks = _list_tracks(file, _owners(videos))
            for video in videos:
                with of_the_format(video.place):
                    record = self._record(file, video, tracks)
                yield unit, record

    def _record(self, file: JsonFile, video: _Listed, tracks: Mapping[str, _Track]) -> VideoRecord:
        folder = file.path.parent / "JPEGImages" / video.video_id
        names = tuple(sys.intern(f"{stem}.jpg") for stem in video.stems)
        if self.frames:
            check_frames(folder, names, place=video.place)
        for name in sorted(video.annotations, key=int):
            _check_track(file, video, name, tracks)
        kept = [name for name in sorted(video.annotations, key=int) if tracks[name].bits]
        ids = {name: object_id for object_id, name in enumerate(kept, start=1)}
        return VideoRecord(
            source=self.facts.name,
            split=self.split,
            video_id=video.video_id,
            frame_dir=folder,
            frame_files=names,
            objects=tuple(ObjectInfo(ids[name], name, None, tracks[name].bits) for name in kept),
            store=MevisMasks(
                file, tuple(tracks[name].span for name in kept), tuple(kept), len(names)
            ),
            licence=self.facts.licence,
            fps=self.facts.fps,
            expressions=tuple(
                Expression(
                    sentence.expression_id,
                    sentence.text,
                    tuple(sorted(ids[name] for name in set(sentence.annotations) & ids.keys())),
                    sentence.kind,
                )
                for sentence in video.sentences
            ),
        )


def is_truth(folder: Path) -> bool:
    """Return whether a folder holds the masks of MeViS as it publishes them."""
    return (folder / _MASKS).is_file()


def _read_sentences(path: Path) -> Iterator[_Listed]:
    """Yield each video with its frames and sentences."""
    for video_id, place, video in listed_videos(path):
        sentences = member(video, "expressions", place=place, kind=dict)
        yield _Listed(
            video_id,
            place,
            listed_frames(video, place=place),
            tuple(_sentence(number, content, place) for number, content in sentences.items()),
        )


def _sentence(number: str, content: dict[str, Any], place: str) -> _Sentence:
    place = f"{place}, expression {number}"
    annotations = member(content, "anno_id", place=place, kind=list)
    if not all(isinstance(name, int) for name in annotations):
        raise DataError(
            f"{place}: 'anno_id' must hold int, got {annotations}; use the official file"
        )
    text, kind = listed_text(content, place=place), str(content.get("kind", ""))
    return _Sentence(number, text, tuple(map(str, annotations)), kind)


def _owners(videos: Sequence[_Listed]) -> set[str]:
    """Return the annotations that belong to some video, each of which must belong to one only."""
    owners: dict[str, _Listed] = {}
    for video in videos:
        for name in video.annotations:
            if owners.setdefault(name, video) is not video:
                raise DataError(
                    f"{video.place}: names annotation {name}, and so does video "
                    f"{owners[name].video_id!r}; use the official file"
                )
    return set(owners)


def _list_tracks(file: JsonFile, wanted: set[str]) -> dict[str, _Track]:
    tracks = {}
    for name, masks, span in file.elements(()):
        if name in wanted:
            place = f"{file.path}: annotation {name}"
            if name in tracks:
                raise DataError(f"{place}: is there twice; download the file again")
            if not isinstance(masks, list) or any(isinstance(mask, list) for mask in masks):
                raise DataError(
                    f"{place}: must be a list with runs or null for each frame; use the official "
                    "file"
                )
            visible = (t for t, m in enumerate(masks) if has_pixels(m, ANY_SIZE, place=place))
            tracks[name] = _Track(span, len(masks), visible_bits(visible))
    return tracks


def _check_track(file: JsonFile, video: _Listed, name: str, tracks: Mapping[str, _Track]) -> None:
    if name not in tracks:
        raise DataError(
            f"{file.path}: holds no annotation {name}, which video {video.video_id!r} of "
            f"{_EXPRESSIONS} names; download both files again"
        )
    if tracks[name].num_frames != len(video.stems):
        raise DataError(
            f"{file.path}: annotation {name} has masks for {tracks[name].num_frames} frames, its "
            f"video {video.video_id!r} has {len(video.stems)}; use the official file"
        )
