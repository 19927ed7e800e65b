"""All that the report page shows: a build's manifest and settings, and short questions to them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pvuw.mose_plus.build.manifest import BuildInfo, BuiltVideo, ManifestEntry
from pvuw.mose_plus.select.selection import borrow_labels
from pvuw.traits.video_traits import VideoTraits


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
    def by_source(self) -> dict[str, list[ManifestEntry]]:
        """Videos of each source, reference sources first, then in the order of the manifest."""
        groups: dict[str, list[ManifestEntry]] = {}
        for entry in sorted(self.entries, key=lambda entry: not entry.reference):
            groups.setdefault(source_name(entry), []).append(entry)
        return groups

    @cached_property
    def reference(self) -> list[VideoTraits]:
        """Traits of the admitted videos of MOSE, with the labels that selection lent them."""
        traits = [entry.traits for entry in self.entries if entry.traits is not None]
        admitted = {entry.key for entry in self.entries if entry.reference and entry.admitted}
        return borrow_labels([video for video in traits if video.key in admitted], traits)


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


def built_videos(entries: Sequence[ManifestEntry]) -> list[BuiltVideo]:
    """Return what of some videos lies in the build."""
    return [entry.built for entry in entries if entry.built is not None]


def count_frames(built: Sequence[BuiltVideo]) -> int:
    """Return the frames of built videos together."""
    return sum(video.num_frames for video in built)


def count_objects(built: Sequence[BuiltVideo]) -> int:
    """Return the objects of built videos together."""
    return sum(len(video.objects) for video in built)


def count_masks(built: Sequence[BuiltVideo]) -> int:
    """Return the visible masks of built videos together: one per object and frame it is in."""
    return sum(item.frames for video in built for item in video.objects)
