"""What a finished build says about itself: one line per video, admitted or not, and its settings.

`manifest.jsonl` has one `ManifestEntry` a line, `build.json` holds one `BuildInfo`. Reading them
needs neither the sources nor torch.
"""

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pvuw.errors import DataError
from pvuw.io.atomic import write_text_atomic
from pvuw.io.typed_yaml import from_mapping
from pvuw.mose_plus.config import MosePlusConfig
from pvuw.mose_plus.select.distance import TraitRange
from pvuw.sources.keys import VideoKey
from pvuw.traits.video_traits import VideoTraits

TRAIN, VALID = "train", "valid"
SUBSETS = (TRAIN, VALID)
MANIFEST, INFO = "manifest.jsonl", "build.json"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BuiltObject:
    """One object of a built video."""

    object_id: int
    """Its value in the masks: 1..N without gaps."""
    record_id: int
    """Its id in the source's `VideoRecord`; differs where objects were left out."""
    source_id: str
    """What the source calls it."""
    category: str | None
    """Class name where the source knows it."""
    pixels: int
    """Its pixels in all masks of the build together."""
    frames: int
    """Frames it is visible in."""


@dataclass(frozen=True, slots=True)
class BuiltVideo:
    """What of a video lies in the build."""

    video_id: str
    """Its folder name in the build."""
    subset: str
    """`train` or `valid`."""
    size_hw: tuple[int, int]
    """Height and width of frames and masks."""
    frame_mode: str
    """`link`, `symlink` or `encode`; where only some frames had to be encoded, the setting."""
    num_encoded: int
    """Frames that are new JPEGs."""
    source_frames: tuple[str, ...]
    """File of the source behind 00000, 00001, ..."""
    objects: tuple[BuiltObject, ...]
    """By object id."""
    frames_digest: str
    """Of names and contents of all frame files."""
    masks_digest: str
    """Of names and contents of all files with the masks of every frame."""

    @property
    def num_frames(self) -> int:
        """Frames in the build, all with a mask."""
        return len(self.source_frames)

    @property
    def frame_names(self) -> list[str]:
        """Stem of each frame file and its mask."""
        return [frame_name(t) for t in range(self.num_frames)]

    def frames_dir(self, build: Path) -> Path:
        """Folder of the frames."""
        return build / self.subset / "JPEGImages" / self.video_id

    def masks_dir(self, build: Path) -> Path:
        """Folder with the masks of every frame: `Annotations`, or `GroundTruth` of `valid`."""
        kind = "Annotations" if self.subset == TRAIN else "GroundTruth"
        return build / self.subset / kind / self.video_id


@dataclass(frozen=True, kw_only=True, slots=True)
class ManifestEntry:
    """What became of one video of one source."""

    source: str
    split: str
    video_id: str
    """Its id in the source."""
    reference: bool
    """Belongs to MOSE, which the others are compared with."""
    admitted: bool
    reason: str
    """Why it was taken, or why not."""
    licence: str
    """Terms of images and annotations."""
    frame_dir: str
    """Folder of its frames in the source, as the settings reach it."""
    annotations: str
    """File or folder of its masks in the source."""
    fps: float | None = None
    """Annotated frames per second, nominal."""
    distance: float | None = None
    """Distance from the reference; None where it was not computed."""
    distances: dict[str, float] = field(default_factory=dict)
    """Distance by trait."""
    traits: VideoTraits | None = None
    """None for a video that could not be read."""
    duplicate_of: tuple[str, ...] | None = None
    """Source, split and id of the video because of which this one was refused."""
    fingerprint: str | None = None
    """Of everything the build of this video was made from; None for a refused video."""
    built: BuiltVideo | None = None
    """None for a refused video."""

    @property
    def key(self) -> VideoKey:
        """Name of the video across sources."""
        return VideoKey(self.source, self.split, self.video_id)


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildInfo:
    """What holds for the whole build."""

    format: int
    """Version of these files."""
    pvuw: str
    """Version of the package that wrote it."""
    config: MosePlusConfig
    """The settings, defaults filled in."""
    ranges: dict[str, TraitRange]
    """What is typical of the reference, by trait."""
    evaluation: dict[str, tuple[str, ...]]
    """Ids that must not be in the build, by the list that names them."""


def frame_name(position: int) -> str:
    """Return the stem of a frame file in the build.

    Example:
        >>> frame_name(7)
        '00007'
    """
    return f"{position:05d}"


def write_manifest(build: Path, entries: Iterable[ManifestEntry]) -> None:
    """Write the manifest, whole or not at all."""
    lines = (json.dumps(dataclasses.asdict(entry), separators=(",", ":")) for entry in entries)
    write_text_atomic(build / MANIFEST, "".join(line + "\n" for line in lines))


def read_manifest(build: Path) -> list[ManifestEntry]:
    """Return the decision on every video, in the order of the settings' sources, then by id.

    Raises:
        DataError: If the file is missing, damaged or of another version.
    """
    path = build / MANIFEST
    return [
        _parse(line, ManifestEntry, place=f"{path}: line {number}: ")
        for number, line in enumerate(_text(path).splitlines(), start=1)
    ]


def write_info(build: Path, info: BuildInfo) -> None:
    """Write the settings, whole or not at all."""
    text = json.dumps(dataclasses.asdict(info), indent=1, default=str)
    write_text_atomic(build / INFO, text + "\n")


def read_info(build: Path) -> BuildInfo:
    """Return what holds for the whole build.

    Raises:
        DataError: If the file is missing, damaged or of another version.
    """
    path = build / INFO
    return _parse(_text(path), BuildInfo, place=f"{path}: ")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise DataError(
            f"{path}: no such file, so this is no finished build; name the folder given to "
            "`pvuw mose-plus --out`, and run the build to its end"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read ({error}); run the build again") from error


def _parse(text: str, into: type[T], *, place: str) -> T:
    try:
        content: Any = json.loads(text)
    except ValueError as error:
        raise DataError(f"{place}not valid JSON ({error}); run the build again") from error
    return from_mapping(content, into=into, place=place)
