"""`sample.json`: what a sample folder holds and what happens in its videos."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from pvuw.errors import DataError
from pvuw.io.atomic import write_text_atomic
from pvuw.sample.cast import Scenes
from pvuw.sample.events import Absence, Cause
from pvuw.sample.scene import Lens

GENERATOR = 1
"""Goes up whenever a seed gives other pictures than before."""
MANIFEST = "sample.json"

Split = Literal["train", "valid"]


@dataclass(frozen=True)
class SampleSpec:
    """What fixes every pixel of a sample."""

    train_videos: int = 12
    valid_videos: int = 4
    num_frames: int = 24
    """Frames of every video."""
    size_hw: tuple[int, int] = (240, 432)
    seed: int = 0
    scenes: Scenes = "crowd"
    lens: Lens = "colour"
    expressions: bool = False
    """Whether sentences and their masks are written, in MeViS' layout, instead of MOSE's."""

    def __post_init__(self) -> None:
        """Refuse samples without a frame.

        Raises:
            DataError: If a number is too small.
        """
        if min(self.train_videos, self.valid_videos) < 0 or not self.num_videos:
            raise DataError(
                "sample: needs at least one video, got "
                f"{self.train_videos} train and {self.valid_videos} valid; ask for more"
            )
        if self.num_frames < 1:
            raise DataError(f"sample: needs at least 1 frame, got {self.num_frames}; ask for more")

    @property
    def num_videos(self) -> int:
        """Videos of both splits together."""
        return self.train_videos + self.valid_videos


@dataclass(frozen=True)
class PlannedVideo:
    """Name and seed of a video, which depend on the sample's seed and its place in the split."""

    video_id: str
    """8 hexadecimal digits, as in MOSE."""
    split: Split
    seed: int


@dataclass(frozen=True)
class SampleVideo:
    """What a written video holds."""

    video_id: str
    split: Split
    object_ids: list[int]
    """Ids in its annotations, ascending."""
    absences: list[Absence]
    """Frames in which such an object has no pixel."""


@dataclass(frozen=True)
class Manifest:
    """Contents of `sample.json`."""

    spec: SampleSpec
    videos: list[SampleVideo]
    """Empty where there are sentences: these tell what happens."""
    generator: int = GENERATOR
    sentences: dict[str, dict[str, int]] = field(default_factory=dict)
    """How many there are of each kind, by folder of a split; empty without sentences."""


def planned_videos(spec: SampleSpec) -> list[PlannedVideo]:
    """Return the videos of a sample; asking for more keeps those of a smaller one."""
    return [
        *_planned_split(spec.seed, "train", spec.train_videos),
        *_planned_split(spec.seed, "valid", spec.valid_videos),
    ]


def _planned_split(seed: int, split: Split, count: int) -> list[PlannedVideo]:
    videos: dict[str, PlannedVideo] = {}
    draw = 0
    while len(videos) < count:
        digest = hashlib.sha256(f"pvuw sample {seed} {split} {draw}".encode()).digest()
        video_id, video_seed = digest[:4].hex(), int.from_bytes(digest[4:8], "big")
        videos.setdefault(video_id, PlannedVideo(video_id, split, video_seed))
        draw += 1
    return list(videos.values())


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write `sample.json` into a sample's folder."""
    content = asdict(manifest, dict_factory=_plain)
    write_text_atomic(folder / MANIFEST, json.dumps(content, indent=1) + "\n")


def _plain(items: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    return {key: value.value if isinstance(value, Cause) else value for key, value in items}


def read_manifest(folder: Path) -> Manifest:
    """Return what `sample.json` says.

    Raises:
        DataError: If there is none or it is not one of ours.
    """
    path = folder / MANIFEST
    try:
        content = json.loads(path.read_text())
        spec = content["spec"] | {"size_hw": tuple(content["spec"]["size_hw"])}
        videos = [_video(video) for video in content["videos"]]
        sentences = content.get("sentences", {})  # older samples know none
        return Manifest(SampleSpec(**spec), videos, content["generator"], sentences)
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file, so this is no generated sample") from error
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: not written by `pvuw sample`; remove the folder") from error


def _video(content: dict[str, Any]) -> SampleVideo:
    absences = [
        Absence(**(absence | {"cause": Cause(absence["cause"])})) for absence in content["absences"]
    ]
    return SampleVideo(**(content | {"absences": absences}))
