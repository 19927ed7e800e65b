"""SA-V (Ravi et al., 2024), training: videos with masklets in JSON files."""

import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pvuw.errors import DataError
from pvuw.io.folder import list_names
from pvuw.io.records import ObjectInfo, VideoRecord
from pvuw.io.rle import Rle, checked_rle, has_pixels
from pvuw.io.rle_masks import RleMasks
from pvuw.io.text import read_json
from pvuw.sources.base import Reader, SourceFacts, require_folder, visible_bits
from pvuw.sources.json_file import JsonFile, member, of_the_format, read_cached

_STEP = 4  # masklets have 6 entries a second, the videos 24 frames
_SUFFIXES = frozenset({".jpg", ".jpeg", ".png"})
KINDS = ("manual", "auto")


@dataclass(frozen=True, slots=True)
class MaskletMasks(RleMasks):
    """Masks of a video in an SA-V file: `masklet[entry][object]`, area zero where not visible."""

    file: JsonFile
    """The annotation file of the video."""
    entries: tuple[int | None, ...]
    """Entry of each frame, None where a frame has none."""
    columns: tuple[int, ...]
    """Place of object 1, 2, ... within an entry."""
    size_hw: tuple[int, int]
    """Size of the video as the file states it."""

    def positions(self) -> Sequence[int]:
        """Return the positions of the frames that have an entry, ascending."""
        return tuple(t for t, entry in enumerate(self.entries) if entry is not None)

    def rles(self, frame_idx: int) -> dict[int, Rle]:
        """Return the runs of each object visible in a frame, by ascending object id."""
        entry = self.entries[frame_idx]
        if entry is None:
            raise ValueError(f"frame_idx must be an annotated frame, got {frame_idx}")
        content = read_cached(self.file, ((0, self.file.num_bytes),))[0]
        masks = content["masklet"][entry]
        found = {}
        for object_id, column in enumerate(self.columns, start=1):
            place = f"{self.file.path}: entry {entry}, masklet {column}"
            rle = checked_rle(masks[column], self.size_hw, place=place)
            if rle is not None:
                found[object_id] = rle
        return found

    def place(self, frame_idx: int) -> str:
        """Return the file as warnings name it."""
        del frame_idx  # one warning a video, not one a frame
        return str(self.file.path)


class SAVMaskletReader(Reader):
    """Reads `sav_<n>/<video>.mp4`, `<video>_manual.json` or `<video>_auto.json`, extracted frames.

    Everything lies under `<root>/sav_train` or `<root>` itself. Frames must have been extracted to
    `JPEGImages_24fps/<video>/00000.jpg` there, numbered by their place in the 24 fps video; those
    between the annotated ones may be left out. Frames numbered without gaps and exactly as many as
    the masklets have entries are taken for a 6 fps extraction. Objects are numbered in the order
    of the file.

    Args:
        facts: `sav.FACTS`.
        root: Folder of the download.
        split: `train`.
        exclude: Video ids to leave out.
        masklets: `manual` or `auto`.
    """

    def __init__(
        self,
        facts: SourceFacts,
        root: Path,
        *,
        split: str = "train",
        exclude: Collection[str] = (),
        masklets: str = "manual",
    ) -> None:
        super().__init__(facts, root, split=split, exclude=exclude)
        if masklets not in KINDS:
            raise DataError(
                f"{root}: SA-V has no masklets {masklets!r}; set `variant` to {' or '.join(KINDS)}"
            )
        self.masklets = masklets

    def base(self) -> Path:
        """Return the folder of the split."""
        nested = self.root / "sav_train"
        return nested if nested.is_dir() else self.root

    def stamps(self) -> dict[str, str]:
        """Return the annotation files, with size and time and that of their frames."""
        base = require_folder(self.base(), tree="<root>/sav_train/sav_000/sav_000001.mp4")
        files = sorted([*base.glob(f"*_{self.masklets}.json"), *base.glob(self._nested)])
        if not files:
            raise DataError(f"{base}: no file {self._nested}; extract the SA-V archives there")
        stamps = {}
        kept = self.included(map(self._video_id, files))
        for path in files:
            if self._video_id(path) in kept:
                file, frames = JsonFile.of(path), self._frame_folder(path)
                time = frames.stat().st_mtime_ns if frames.is_dir() else ""
                stamps[str(path)] = f"{file.num_bytes} {file.mtime_ns} {time}"
        return stamps

    def read(self, units: Sequence[str]) -> Iterator[tuple[str, VideoRecord]]:
        """Yield the video of each named annotation file."""
        for unit in units:
            with of_the_format(unit):
                record = self._record(Path(unit))
            yield unit, record

    @property
    def _nested(self) -> str:
        return f"sav_*/*_{self.masklets}.json"

    def _video_id(self, path: Path) -> str:
        return path.stem.removesuffix(f"_{self.masklets}")

    def _frame_folder(self, path: Path) -> Path:
        return self.base() / "JPEGImages_24fps" / self._video_id(path)

    def _record(self, path: Path) -> VideoRecord:
        file, content = JsonFile.of(path), read_json(path)
        masklets = member(content, "masklet", place=str(path), kind=list)
        ids = member(content, "masklet_id", place=str(path), kind=list)
        for number, entry in enumerate(masklets):
            if len(entry) != len(ids):
                raise DataError(
                    f"{path}: entry {number} has {len(entry)} masks for {len(ids)} masklets; "
                    "download the file again"
                )
        folder = self._frame_folder(path)
        names = self._frame_names(path)
        entries = _entries([int(Path(name).stem) for name in names], len(masklets))
        # Scalars of these files are written as floats.
        sides = ("video_height", "video_width")
        height, width = (
            int(member(content, side, place=str(path), kind=(int, float))) for side in sides
        )
        bits = _visible(masklets, entries, (height, width), place=str(path))
        columns = tuple(column for column in range(len(ids)) if bits[column])
        return VideoRecord(
            source=self.facts.name,
            split=self.split,
            video_id=self._video_id(path),
            frame_dir=folder,
            frame_files=names,
            objects=tuple(
                ObjectInfo(object_id, str(ids[column]), None, bits[column])
                for object_id, column in enumerate(columns, start=1)
            ),
            store=MaskletMasks(file, entries, columns, (height, width)),
            licence=self.facts.licence,
            fps=self.facts.fps,
        )

    def _frame_names(self, path: Path) -> tuple[str, ...]:
        folder = self._frame_folder(path)
        if not folder.is_dir():
            movie = path.with_name(f"{self._video_id(path)}.mp4")
            raise DataError(
                f"{movie}: its frames are not extracted; run: mkdir -p {folder} && ffmpeg -i "
                f"{movie} -fps_mode passthrough -q:v 2 -start_number 0 {folder}/%05d.jpg"
            )
        names = sorted(n for n in list_names(folder) if Path(n).suffix.lower() in _SUFFIXES)
        stems = [Path(name).stem for name in names]
        # Numbers from 1, as ffmpeg writes by default, would shift every mask by a frame unnoticed.
        if not all(stem.isdigit() for stem in stems) or not stems or int(stems[0]) != 0:
            raise DataError(
                f"{folder}: frames must be numbered from 00000, got {names[:1]}; extract them "
                "again with -start_number 0"
            )
        return tuple(sys.intern(name) for name in sorted(names, key=lambda n: int(Path(n).stem)))


def _entries(numbers: list[int], num_entries: int) -> tuple[int | None, ...]:
    """Return the masklet entry of each frame, given its number, or None.

    Example:
        >>> _entries([0, 1, 4, 5], 2), _entries([0, 1], 2)
        ((0, None, 1, None), (0, 1))
    """
    step = 1 if numbers == list(range(num_entries)) else _STEP
    rows = [divmod(number, step) for number in numbers]
    return tuple(row if not rest and row < num_entries else None for row, rest in rows)


def _visible(
    masklets: list[list[Any]],
    entries: Sequence[int | None],
    size_hw: tuple[int, int],
    *,
    place: str,
) -> list[int]:
    """Return for each masklet the bits of the frames it is visible in."""
    seen: list[list[int]] = [[] for _ in masklets[0]] if masklets else []
    for frame_idx, entry in enumerate(entries):
        for column, mask in enumerate([] if entry is None else masklets[entry]):
            if has_pixels(mask, size_hw, place=place):
                seen[column].append(frame_idx)
    return [visible_bits(frames) for frames in seen]
