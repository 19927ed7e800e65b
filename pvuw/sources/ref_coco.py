"""Sentences about objects of still images, in a COCO file (RefCOCO and others, converted)."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pvuw.errors import DataError
from pvuw.io.expressions import Expression, sentence_problem
from pvuw.io.records import ObjectInfo, VideoRecord
from pvuw.io.rle import Rle, checked_rle, has_pixels
from pvuw.io.rle_masks import RleMasks
from pvuw.sources.base import Reader, SourceFacts, check_frames, require_folder
from pvuw.sources.json_file import JsonFile, Span, member, of_the_format, read_cached

FACTS = SourceFacts("ref_coco", "annotations CC BY 4.0; images under Flickr's terms of use")
_IMAGES = "train2014"
_TREE = f"<root>/<split>.json and <root>/{_IMAGES}/<image>.jpg"


@dataclass(frozen=True, slots=True)
class StillMasks(RleMasks):
    """Masks of one image, found again by byte range."""

    file: JsonFile
    """The annotation file."""
    spans: tuple[Span, ...]
    """Where the annotation of object 1, 2, ... is."""
    size_hw: tuple[int, int]
    """Height and width of the image."""

    def positions(self) -> Sequence[int]:
        """Return the one there is."""
        return (0,)

    def rles(self, frame_idx: int) -> dict[int, Rle]:
        """Return the runs of each object, by ascending object id."""
        found = {}
        for object_id, content in enumerate(read_cached(self.file, self.spans), start=1):
            rle = checked_rle(content["segmentation"], self.size_hw, place=self.place(frame_idx))
            if rle is not None:
                found[object_id] = rle
        return found

    def place(self, frame_idx: int) -> str:
        """Return the file."""
        del frame_idx
        return str(self.file.path)


@dataclass(frozen=True, slots=True)
class _Asked:
    """One entry of `images`: a picture, and a sentence about what is annotated in the entry."""

    file_name: str
    size_hw: tuple[int, int]
    text: str


class RefCocoReader(Reader):
    """Reads `<root>/<split>.json`, where each entry of `images` has a `caption`, and its pictures.

    An entry is a sentence; it means all annotations of its `image_id`. Entries of one picture make
    one record, of one frame. `split` is `refcoco/instances_refcoco_train`, for example.

    Args:
        facts: `FACTS`.
        root: Folder of COCO.
        split: The file, without `.json`.
        exclude: Names of pictures to leave out, without their ending.
    """

    def stamps(self) -> dict[str, str]:
        """Return the file, with its state and what is excluded."""
        require_folder(self.root / _IMAGES, tree=_TREE)
        file = JsonFile.of(self.root / f"{self.split}.json")
        state = f"{file.num_bytes} {file.mtime_ns} {file.head()}"
        return {str(file.path): f"{state} {sorted(self.exclude)}"}

    def read(self, units: Sequence[str]) -> Iterator[tuple[str, VideoRecord]]:
        """Yield the pictures of the named files, in their order."""
        for unit in units:
            file = JsonFile.of(Path(unit))
            with of_the_format(unit):
                asked, spans = _listed(file)
            pictures: defaultdict[str, list[int]] = defaultdict(list)
            for number, entry in asked.items():
                pictures[Path(entry.file_name).stem].append(number)
            kept = self.included(pictures)
            for video_id, numbers in pictures.items():
                if video_id in kept:
                    entries = [(asked[number], spans.get(number, [])) for number in numbers]
                    yield unit, self._record(file, video_id, entries)

    def _record(
        self, file: JsonFile, video_id: str, entries: Sequence[tuple[_Asked, list[Span]]]
    ) -> VideoRecord:
        first, place = entries[0][0], f"{file.path}: image {video_id!r}"
        if any((e.file_name, e.size_hw) != (first.file_name, first.size_hw) for e, _ in entries):
            raise DataError(f"{place}: stands for several pictures or sizes; use the official file")
        folder = self.root / _IMAGES
        check_frames(folder, (first.file_name,), place=place)
        spans = [span for _, own in entries for span in own]
        numbers = iter(range(1, len(spans) + 1))
        return VideoRecord(
            source=self.facts.name,
            split=self.split,
            video_id=video_id,
            frame_dir=folder,
            frame_files=(first.file_name,),
            objects=tuple(ObjectInfo(i, str(i), None, 1) for i in range(1, len(spans) + 1)),
            store=StillMasks(file, tuple(spans), first.size_hw),
            licence=self.facts.licence,
            expressions=tuple(
                Expression(str(e), entry.text, tuple(next(numbers) for _ in own))
                for e, (entry, own) in enumerate(entries)
            ),
        )


def _listed(file: JsonFile) -> tuple[dict[int, _Asked], dict[int, list[Span]]]:
    """Return the entries, and where the annotations with pixels of each are."""
    asked: dict[int, _Asked] = {}
    spans: defaultdict[int, list[Span]] = defaultdict(list)
    for key, content, span in file.elements(("images", "annotations")):
        if key == "images":
            place = f"{file.path}: image {content.get('id')}"
            text: str = member(content, "caption", place=place, kind=str)
            if (problem := sentence_problem(text)) is not None:
                raise DataError(f"{place}: the sentence {problem}")
            name = member(content, "file_name", place=place, kind=str)
            asked[content["id"]] = _Asked(name, (content["height"], content["width"]), text)
        elif key == "annotations" and _is_shown(content, place=str(file.path)):
            spans[content["image_id"]].append(span)
    if lost := sorted(spans.keys() - asked.keys()):
        raise DataError(f"{file.path}: annotations of image {lost[0]}, which it does not list")
    return asked, spans


def _is_shown(content: dict[str, Any], *, place: str) -> bool:
    where = f"{place}: annotation {content.get('id')}"
    shown = member(content, "segmentation", place=where, kind=(list, dict))
    # Polygons need the size of their image to be drawn; those that enclose nothing are rare.
    return bool(shown) if isinstance(shown, list) else has_pixels(shown, (0, 0), place=where)
