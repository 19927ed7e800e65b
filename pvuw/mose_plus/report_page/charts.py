"""How the videos of a source spread in one trait, against MOSE: numbers, and a drawing of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from pvuw.mose_plus.distance import TraitRange
from pvuw.mose_plus.traits import TraitKind

_BINS = 20
_WIDTH, _HALF, _AXIS = 180, 34, 14  # pixels: plot, half above and half below the line, numbers
_NICE = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Histogram:
    """How often the values of one group of videos fall into each bin."""

    counts: tuple[int, ...]

    @property
    def total(self) -> int:
        """Values in all bins."""
        return sum(self.counts)

    def share(self, position: int) -> float:
        """Return the share of a bin, 0..1; 0 for an empty group."""
        return self.counts[position] / self.total if self.total else 0.0

    @property
    def peak(self) -> float:
        """Largest share of a bin."""
        return max(self.share(i) for i in range(len(self.counts)))


@dataclass(frozen=True, slots=True)
class Spread:
    """One trait of one source: the three groups that are compared."""

    edges: tuple[float, ...]
    """Of the bins, one more than there are bins; the last bin takes everything beyond it too."""
    mose: Histogram
    admitted: Histogram
    refused: Histogram


def bin_edges(values: Sequence[float], *, floor: float) -> tuple[float, ...]:
    """Return round bin edges that cover all but the highest hundredth of the values.

    Args:
        values: Of all sources together, so that plots of a trait can be compared; at least one.
        floor: Smallest difference that means anything; no plot is narrower.

    Example:
        >>> bin_edges([0.0, 10.0], floor=1.0)[:3]
        (0.0, 0.5, 1.0)
    """
    low, high = min(values), max(float(np.quantile(values, 0.99)), min(values) + floor)
    step = _nice_step((high - low) / _BINS)
    first, last = np.floor(low / step), max(np.ceil(high / step), np.floor(low / step) + 1)
    return tuple((np.arange(first, last + 1) * step).round(10).tolist())


def histogram(values: Sequence[float], edges: Sequence[float]) -> Histogram:
    """Return the counts; values beyond the last edge fall into the last bin.

    Example:
        >>> histogram([0.1, 0.9, 7.0], [0.0, 0.5, 1.0]).counts
        (1, 2)
    """
    inside = np.clip(np.asarray(values, dtype=float), edges[0], edges[-1])
    return Histogram(tuple(np.histogram(inside, edges)[0].tolist()))


def draw(spread: Spread, kind: TraitKind, typical: TraitRange | None) -> str:
    """Return the drawing as SVG: admitted videos above the line, refused ones below, MOSE behind.

    Every group is scaled to its own number of videos. Each bin tells its numbers when pointed at.

    Args:
        spread: The numbers.
        kind: The trait.
        typical: Its typical range, drawn on the line; None: it does not count.
    """
    top = max(spread.mose.peak, spread.admitted.peak, spread.refused.peak) or 1.0
    width = _WIDTH / (len(spread.edges) - 1)
    bars = "".join(_bin(spread, i, width, _HALF / top) for i in range(len(spread.edges) - 1))
    line = f'<path class="axis" d="M0 {_HALF}H{_WIDTH}"/>'
    height = 2 * _HALF + _AXIS
    return (
        f'<svg viewBox="-1 -1 {_WIDTH + 2} {height + 2}" width="{_WIDTH + 2}" '
        f'height="{height + 2}" role="img" aria-label="{escape(_label(spread, kind))}">'
        f"{bars}{line}{_typical(spread, typical)}{_numbers(spread, height)}</svg>"
    )


def _bin(spread: Spread, position: int, width: float, scale: float) -> str:
    """Return the bars of one bin, and the invisible area that carries its numbers."""
    x = position * width
    mose = spread.mose.share(position) * scale
    up, down = spread.admitted.share(position) * scale, spread.refused.share(position) * scale
    parts = [f"<g><title>{escape(_hover(spread, position))}</title>"]
    if mose:
        parts.append(_bar("m", x, _HALF - mose, width, 2 * mose))
    if up:
        parts.append(_bar("a", x + 1, _HALF - up, width - 2, up))
    if down:
        parts.append(_bar("r", x + 1, _HALF, width - 2, down))
    return "".join(parts) + _bar("h", x, 0, width, 2 * _HALF) + "</g>"


def _bar(css: str, x: float, y: float, width: float, height: float) -> str:
    return (
        f'<rect class="{css}" x="{x:.4g}" y="{y:.4g}" width="{width:.4g}" height="{height:.4g}"/>'
    )


def _hover(spread: Spread, position: int) -> str:
    low, high = spread.edges[position], spread.edges[position + 1]
    last = position == len(spread.edges) - 2
    place = f"{low:.4g} and more" if last else f"{low:.4g} to {high:.4g}"
    groups = (("MOSE", spread.mose), ("admitted", spread.admitted), ("refused", spread.refused))
    return "\n".join(
        [place]
        + [
            f"{name}: {group.counts[position]} of {group.total} ({group.share(position):.0%})"
            for name, group in groups
            if group.total
        ]
    )


def _label(spread: Spread, kind: TraitKind) -> str:
    return (
        f"{kind.title}: {spread.admitted.total} admitted and {spread.refused.total} refused videos "
        f"against {spread.mose.total} of MOSE"
    )


def _typical(spread: Spread, typical: TraitRange | None) -> str:
    if typical is None:
        return ""
    first, last = spread.edges[0], spread.edges[-1]
    low, high = (
        _WIDTH * float(np.clip((value - first) / (last - first), 0, 1))
        for value in (typical.low, typical.high)
    )
    words = f"typical of MOSE: {typical.low:.3g} to {typical.high:.3g}, weight {typical.weight:g}"
    return (
        f'<g><title>{words}</title><path class="t" d="M{low:.4g} {_HALF}H{high:.4g}"/>'
        f'<path class="t e" d="M{low:.4g} {_HALF - 4}v8M{high:.4g} {_HALF - 4}v8"/></g>'
    )


def _numbers(spread: Spread, height: int) -> str:
    low, high = spread.edges[0], spread.edges[-1]
    return (
        f'<text x="0" y="{height - 2}">{low:.4g}</text>'
        f'<text x="{_WIDTH}" y="{height - 2}" text-anchor="end">{high:.4g}</text>'
    )


def _nice_step(step: float) -> float:
    """Return the smallest of 1, 2, 2.5, 5, 10 times a power of ten that is no smaller."""
    power = 10.0 ** np.floor(np.log10(step))
    return float(next(nice * power for nice in _NICE if nice * power >= step * (1 - 1e-9)))
