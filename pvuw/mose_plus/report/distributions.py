"""The section with the traits of each source against MOSE."""

from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

from pvuw.mose_plus.report.charts import Spread, bin_edges, draw, histogram
from pvuw.mose_plus.report.data import ReportData
from pvuw.mose_plus.report.reasons import COPY, EVALUATION, reason_group
from pvuw.mose_plus.select.distance import trait_value
from pvuw.pages.pieces import DASH, table
from pvuw.traits.video_traits import TRAIT_KINDS, TraitKind, VideoTraits

_LEGEND = (
    '<p class="legend"><span><i class="key a"></i>admitted, above the line</span>'
    '<span><i class="key r"></i>refused, below the line</span>'
    '<span><i class="key m"></i>MOSE, in both directions</span>'
    '<span><i class="key t"></i>typical range: distance 0</span></p>'
)
_Groups = dict[str, tuple[list[VideoTraits], list[VideoTraits]]]


def distributions(data: ReportData) -> str:
    """Return the section: one drawing per trait and source, and the numbers behind them."""
    everything = _groups(data)
    groups = {name: parts for name, parts in everything.items() if any(parts)}
    left_out = ", ".join(escape(name) for name in everything if name not in groups)
    note = f"<p>Nothing to compare in: {left_out}.</p>" if left_out else ""
    if not groups:
        return f"<p>No video of another source was compared with MOSE.</p>{note}"
    kinds = [kind for kind in TRAIT_KINDS.values() if _all_values(data, groups, kind)]
    kinds.sort(key=lambda kind: kind.name not in data.info.ranges)  # those that count come first
    rows = (_row(data, groups, kind) for kind in kinds)
    drawings = table(["Trait", *map(_title, groups, groups.values())], rows, css="charts")
    return (
        "<p>Each group is drawn as shares of its own videos, so heights compare shapes, not "
        "counts; fewer than ten videos are dots. Point at a bar for its numbers. Second copies and "
        "evaluation videos are left out: they were never compared. A trait without a typical range "
        "did not count.</p>"
        f'{note}{_LEGEND}<div class="scroll">{drawings}</div>{_figures(data, groups, kinds)}'
    )


def _groups(data: ReportData) -> _Groups:
    """Return the traits of the admitted and of the compared but refused videos, by source."""
    groups: _Groups = {}
    for name, entries in data.by_source.items():
        if entries[0].reference:
            continue
        groups[name] = [], []
        for entry in entries:
            same = not entry.admitted and reason_group(entry) in (COPY, EVALUATION)
            if entry.traits is not None and not same:
                groups[name][not entry.admitted].append(entry.traits)
    return groups


def _title(name: str, parts: tuple[list[VideoTraits], list[VideoTraits]]) -> str:
    admitted, refused = parts
    return f"{escape(name)}<small>{len(admitted):,} admitted, {len(refused):,} refused</small>"


def _row(data: ReportData, groups: _Groups, kind: TraitKind) -> list[str]:
    edges = bin_edges(_all_values(data, groups, kind), floor=kind.floor)
    mose = _values(data, data.reference, kind)
    cells = [f"{escape(kind.title)}<small>{_of_mose(mose)}</small>"]
    for parts in groups.values():
        admitted, refused = (_values(data, part, kind) for part in parts)
        if admitted or refused:
            counted = [histogram(values, edges) for values in (mose, admitted, refused)]
            cells.append(draw(Spread(edges, *counted), kind, data.info.ranges.get(kind.name)))
        else:
            cells.append('<span class="none">not measurable here</span>')
    return cells


def _figures(data: ReportData, groups: _Groups, kinds: Sequence[TraitKind]) -> str:
    """Return the same in numbers, for reading without pointing."""
    head = ["Trait", "MOSE"]
    for name in groups:
        head += [f"{escape(name)}, admitted", f"{escape(name)}, refused"]
    parts = [data.reference, *(part for both in groups.values() for part in both)]
    rows = (
        [escape(kind.title), *(_summary(_values(data, part, kind)) for part in parts)]
        for kind in kinds
    )
    return (
        "<details><summary>The same in numbers: median, quartiles, videos measured</summary>"
        f'<div class="scroll">{table(head, rows, css="figures")}</div></details>'
    )


def _of_mose(values: Sequence[float]) -> str:
    return f"MOSE: median {_summary(values)}" if values else "no value in MOSE"


def _summary(values: Sequence[float]) -> str:
    """Return median, quartiles and number as HTML."""
    if not values:
        return DASH
    first, median, third = np.quantile(values, [0.25, 0.5, 0.75]).tolist()
    return f"{median:.3g} <small>{first:.3g} to {third:.3g}, n = {len(values)}</small>"


def _all_values(data: ReportData, groups: _Groups, kind: TraitKind) -> list[float]:
    everything = [*data.reference, *(v for both in groups.values() for part in both for v in part)]
    return _values(data, everything, kind)


def _values(data: ReportData, videos: Iterable[VideoTraits], kind: TraitKind) -> list[float]:
    """Return the values that selection compared: those of time only where the rate allows it."""
    selection = data.info.config.selection
    values = (trait_value(video, kind, selection) for video in videos)
    return [value for value in values if value is not None]
