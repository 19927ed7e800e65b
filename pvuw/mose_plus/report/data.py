"""All that the report page shows: a build's manifest and settings, and short questions to them."""

import dataclasses
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pvuw.mose_plus.build.manifest import TRAIN, BuildInfo, BuiltVideo, ManifestEntry
from pvuw.mose_plus.config import NONE
from pvuw.mose_plus.report.reasons import COPY, EVALUATION, reason_group
from pvuw.mose_plus.select.selection import borrow_labels
from pvuw.traits.video_traits import VideoTraits


@dataclass(frozen=True)
class Videos:
    """Some lines of the manifest, and what they come to."""

    name: str
    entries: Sequence[ManifestEntry]

    @cached_property
    def admitted(self) -> list[ManifestEntry]:
        """Those that were taken."""
        return [entry for entry in self.entries if entry.admitted]

    @cached_property
    def built(self) -> list[BuiltVideo]:
        """What of them lies in the build."""
        return [entry.built for entry in self.entries if entry.built is not None]

    @property
    def reference(self) -> bool:
        """Whether they are those that others are compared with."""
        return self.entries[0].reference

    @property
    def num_same(self) -> int:
        """How many are refused as another video again."""
        refused = (entry for entry in self.entries if not entry.admitted)
        return sum(reason_group(entry) in (COPY, EVALUATION) for entry in refused)

    @property
    def num_frames(self) -> int:
        """Frames in the build."""
        return sum(video.num_frames for video in self.built)

    @property
    def num_objects(self) -> int:
        """Objects in the build."""
        return sum(len(video.objects) for video in self.built)

    @property
    def num_masks(self) -> int:
        """Visible masks in the build: one per object and frame it is in."""
        return sum(item.frames for video in self.built for item in video.objects)

    @property
    def num_encoded(self) -> int:
        """Frames in the build that were encoded anew."""
        return sum(video.num_encoded for video in self.built)

    @property
    def num_held_out(self) -> int:
        """Videos in the build that are not for training."""
        return sum(video.subset != TRAIN for video in self.built)


@dataclass(frozen=True)
class ReportData:
    """What a build says about itself."""

    build: Path
    """Its folder."""
    entries: Sequence[ManifestEntry]
    """In the order of the manifest."""
    info: BuildInfo
    """Settings and typical ranges."""

    @cached_property
    def everything(self) -> Videos:
        """All videos."""
        return Videos("all", self.entries)

    @cached_property
    def sources(self) -> list[Videos]:
        """Videos of each source, reference sources first, then in the order of the manifest."""
        return _grouped(sorted(self.entries, key=lambda entry: not entry.reference), source_name)

    @cached_property
    def licences(self) -> list[Videos]:
        """Admitted videos under each licence."""
        return _grouped(self.everything.admitted, lambda entry: entry.licence)

    @cached_property
    def reference(self) -> list[VideoTraits]:
        """Traits of the admitted videos of MOSE, with the labels that selection lent them."""
        traits = [entry.traits for entry in self.entries if entry.traits is not None]
        admitted = {entry.key for entry in self.entries if entry.reference and entry.admitted}
        return borrow_labels([video for video in traits if video.key in admitted], traits)

    @property
    def unguarded(self) -> list[str]:
        """Evaluation sets whose videos may be in the build, as the settings name no list."""
        evaluation = self.info.config.evaluation
        return [name for name in ("mose", "davis") if getattr(evaluation, name) == (NONE,)]

    @property
    def settings(self) -> str:
        """All settings as JSON."""
        return json.dumps(dataclasses.asdict(self.info.config), indent=2, default=str)


def _grouped(
    entries: Iterable[ManifestEntry], name: Callable[[ManifestEntry], str]
) -> list[Videos]:
    groups: dict[str, list[ManifestEntry]] = {}
    for entry in entries:
        groups.setdefault(name(entry), []).append(entry)
    return [Videos(*group) for group in groups.items()]


def source_name(entry: ManifestEntry) -> str:
    """Return source and split in words: `ovis`, or `ovis val` for other splits than train."""
    return entry.source if entry.split == "train" else f"{entry.source} {entry.split}"


def num_frames(entry: ManifestEntry) -> int | None:
    """Return the frames in the build, otherwise the annotated ones in the source; None: unread."""
    if entry.built is not None:
        return entry.built.num_frames
    return None if entry.traits is None else entry.traits.num_frames


def num_objects(entry: ManifestEntry) -> int | None:
    """Return the objects in the build, otherwise in the source; None: unread."""
    if entry.built is not None:
        return len(entry.built.objects)
    return None if entry.traits is None else entry.traits.num_objects
