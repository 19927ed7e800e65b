"""How the videos of a source spread in one trait, against MOSE: numbers, and a drawing of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pvuw.mose_plus.select.distance import TraitRange
from pvuw.traits.video_traits import TraitKind

_BINS = 20
_WIDTH, _HALF, _AXIS = 230, 38, 22  # pixels: plot, half above and half below the line, numbers
_FEW = 10  # fewer values are drawn as dots: shares of so few would look like a shape
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
    def few(self) -> bool:
        """Too few values for a shape; none counts as few."""
        return self.total < _FEW

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


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar, pixels."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Marks:
    """How one group shows in one bin: as a bar, or as a dot for each video where it has few."""

    bars: tuple[Bar, ...] = ()
    dots: tuple[tuple[float, float], ...] = ()
    """Centres."""


@dataclass(frozen=True, slots=True)
class Bin:
    """One bin of a plot."""

    words: str
    """Its numbers, shown when it is pointed at."""
    area: Bar
    mose: Bar
    admitted: Marks
    refused: Marks


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawing of a spread, as `spread.svg` makes it: MOSE behind, others above and below a line.

    Every group is scaled to its own number of videos.
    """

    label: str
    bins: tuple[Bin, ...]
    typical: tuple[str, float, float] | None
    """The typical range: in words, and from where to where; None: the trait does not count."""
    ends: tuple[float, float]
    """First and last edge."""
    width: int = _WIDTH
    middle: int = _HALF
    height: int = 2 * _HALF + _AXIS


def plot(spread: Spread, kind: TraitKind, typical: TraitRange | None) -> Plot:
    """Return the drawing of a spread.

    Args:
        spread: The numbers.
        kind: The trait.
        typical: Its typical range; None: it does not count.
    """
    drawn = [group for group in (spread.mose, spread.admitted, spread.refused) if not group.few]
    scale = _HALF / max((group.peak for group in drawn), default=1.0)
    label = (
        f"{kind.title}: {spread.admitted.total} admitted and {spread.refused.total} refused videos "
        f"against {spread.mose.total} of MOSE"
    )
    bins = tuple(_bin(spread, i, scale) for i in range(len(spread.edges) - 1))
    ends = spread.edges[0], spread.edges[-1]
    return Plot(label, bins, None if typical is None else _typical(ends, typical), ends)


def _bin(spread: Spread, position: int, scale: float) -> Bin:
    width = _WIDTH / (len(spread.edges) - 1)
    x = position * width
    mose = spread.mose.share(position) * scale
    return Bin(
        _words(spread, position),
        Bar(x, 0, width, 2 * _HALF),
        Bar(x, _HALF - mose, width, 2 * mose),
        _marks(spread.admitted, position, scale, up=True),
        _marks(spread.refused, position, scale, up=False),
    )


def _marks(group: Histogram, position: int, scale: float, *, up: bool) -> Marks:
    count = group.counts[position]
    width = _WIDTH / len(group.counts)
    if not count:
        return Marks()
    if not group.few:
        height = group.share(position) * scale
        x = (position + 0.2) * width  # narrower than MOSE's, which stays visible behind
        return Marks(bars=(Bar(x, _HALF - height * up, 0.6 * width, height),))
    centre, step = (position + 0.5) * width, min(7.0, (_HALF - 6) / count)
    heights = (_HALF + (-1 if up else 1) * (4.5 + i * step) for i in range(count))
    return Marks(dots=tuple((centre, y) for y in heights))


def _words(spread: Spread, position: int) -> str:
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


def _typical(ends: tuple[float, float], typical: TraitRange) -> tuple[str, float, float]:
    first, last = ends
    low, high = (
        _WIDTH * float(np.clip((value - first) / (last - first), 0, 1))
        for value in (typical.low, typical.high)
    )
    words = f"typical of MOSE: {typical.low:.3g} to {typical.high:.3g}, weight {typical.weight:g}"
    return words, low, high


def _nice_step(step: float) -> float:
    """Return the smallest of 1, 2, 2.5, 5, 10 times a power of ten that is no smaller."""
    power = 10.0 ** np.floor(np.log10(step))
    return float(next(nice * power for nice in _NICE if nice * power >= step * (1 - 1e-9)))
