"""What the page says of single decisions: how a video differs from MOSE, and which are the same."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pvuw.mose_plus.build.manifest import ManifestEntry
from pvuw.mose_plus.report.data import ReportData
from pvuw.mose_plus.select.distance import TraitRange
from pvuw.sources.keys import VideoKey
from pvuw.traits.video_traits import TRAIT_KINDS

_NAMED_DIFFERENCES = 3


@dataclass(frozen=True)
class Difference:
    """One trait in which a video is unlike MOSE."""

    title: str
    spreads: float
    """How many spreads of MOSE it lies outside the typical range."""
    value: float | None
    """None: not measured."""
    typical: TraitRange | None
    """None: it does not count."""


def anchor(video: ManifestEntry) -> str:
    """Return the name of the video's row within the page.

    Hexadecimal, because ids may hold any character and a link may not.
    """
    return "v" + str(video.key).encode().hex()


def differences(video: ManifestEntry, ranges: Mapping[str, TraitRange]) -> list[Difference]:
    """Return the largest differences of a video, the largest first."""
    largest = sorted(video.distances.items(), key=lambda item: -item[1])[:_NAMED_DIFFERENCES]
    return [
        Difference(
            TRAIT_KINDS[name].title,
            spreads,
            None if video.traits is None else TRAIT_KINDS[name].value(video.traits),
            ranges.get(name),
        )
        for name, spreads in largest
        if spreads > 0
    ]


def copies(data: ReportData) -> Iterator[tuple[ManifestEntry, ManifestEntry | str, str]]:
    """Yield each video refused as another one again, that one, and how it is known.

    A video that is not in the manifest, of an evaluation list, comes as its name.
    """
    by_key = {video.key: video for video in data.entries}
    for video in data.entries:
        if video.duplicate_of is not None:
            twin = by_key.get(VideoKey(*video.duplicate_of))
            yield video, twin or "/".join(video.duplicate_of), video.reason.partition(": ")[2]
