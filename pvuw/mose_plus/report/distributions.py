"""The traits of each source against MOSE, as plots and as numbers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from pvuw.mose_plus.build.manifest import ManifestEntry
from pvuw.mose_plus.report.charts import Plot, Spread, bin_edges, histogram, plot
from pvuw.mose_plus.report.data import ReportData
from pvuw.mose_plus.report.reasons import COPY, EVALUATION, reason_group
from pvuw.mose_plus.select.distance import trait_value
from pvuw.traits.video_traits import TRAIT_KINDS, TraitKind, VideoTraits


@dataclass(frozen=True)
class ComparedSource:
    """Traits of the videos of one source that were compared with MOSE."""

    name: str
    admitted: list[VideoTraits]
    refused: list[VideoTraits]


@dataclass(frozen=True)
class Quartiles:
    """How some values spread."""

    first: float
    median: float
    third: float
    count: int


@dataclass(frozen=True)
class TraitRow:
    """One trait of all sources."""

    title: str
    mose: Quartiles | None
    """None: no value."""
    plots: list[Plot | None]
    """Of each source; None: nothing measured."""
    figures: list[Quartiles | None]
    """Of the admitted and the refused videos of each source in turn."""


@dataclass(frozen=True)
class Distributions:
    """All that is compared, and the sources of which nothing was."""

    sources: list[ComparedSource]
    left_out: list[str]
    rows: list[TraitRow]


def distributions(data: ReportData) -> Distributions:
    """Return the traits that count first; sources and traits without a value are left out."""
    everything = [
        _compared(videos.name, videos.entries) for videos in data.sources if not videos.reference
    ]
    sources = [source for source in everything if source.admitted or source.refused]
    left_out = [source.name for source in everything if source not in sources]
    videos = [
        *data.reference,
        *(v for s in sources for part in (s.admitted, s.refused) for v in part),
    ]
    kinds = [kind for kind in TRAIT_KINDS.values() if sources and _values(data, videos, kind)]
    kinds.sort(key=lambda kind: kind.name not in data.info.ranges)
    rows = [_row(data, sources, kind, _values(data, videos, kind)) for kind in kinds]
    return Distributions(sources, left_out, rows)


def _compared(name: str, entries: Iterable[ManifestEntry]) -> ComparedSource:
    """Return what was compared: second copies and evaluation videos never were."""
    compared = ComparedSource(name, [], [])
    for entry in entries:
        same = not entry.admitted and reason_group(entry) in (COPY, EVALUATION)
        if entry.traits is not None and not same:
            (compared.admitted if entry.admitted else compared.refused).append(entry.traits)
    return compared


def _row(
    data: ReportData,
    sources: Sequence[ComparedSource],
    kind: TraitKind,
    everything: Sequence[float],
) -> TraitRow:
    edges = bin_edges(everything, floor=kind.floor)
    mose = _values(data, data.reference, kind)
    row = TraitRow(kind.title, _quartiles(mose), [], [])
    for source in sources:
        admitted, refused = (
            _values(data, part, kind) for part in (source.admitted, source.refused)
        )
        spread = Spread(edges, *(histogram(values, edges) for values in (mose, admitted, refused)))
        drawn = plot(spread, kind, data.info.ranges.get(kind.name))
        row.plots.append(drawn if admitted or refused else None)
        row.figures.extend([_quartiles(admitted), _quartiles(refused)])
    return row


def _quartiles(values: Sequence[float]) -> Quartiles | None:
    if not values:
        return None
    first, median, third = np.quantile(values, [0.25, 0.5, 0.75]).tolist()
    return Quartiles(first, median, third, len(values))


def _values(data: ReportData, videos: Iterable[VideoTraits], kind: TraitKind) -> list[float]:
    """Return the values that selection compared: those of time only where the rate allows it."""
    selection = data.info.config.selection
    values = (trait_value(video, kind, selection) for video in videos)
    return [value for value in values if value is not None]
