"""A sitting: parts that share out the minutes, units that are skipped when they would not fit."""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import torch

from pvuw.errors import PvuwError


@dataclass
class Settings:
    """Where and how large."""

    device: torch.device
    toy: bool
    """Sizes for a test on the CPU: figures mean nothing."""

    @property
    def on_cuda(self) -> bool:
        """Whether there is a card to wait for and to ask for its memory."""
        return self.device.type == "cuda"

    def clock(self) -> float:
        """Seconds, once the device has done what it was given."""
        if self.on_cuda:
            torch.cuda.synchronize()
        return time.perf_counter()

    def peak_mib(self, run: Callable[[], Any]) -> tuple[Any, float | None]:
        """What a function returns and the MiB of device memory it held at most; None on the CPU."""
        if not self.on_cuda:
            return run(), None
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        return run(), torch.cuda.max_memory_allocated() / 2**20


@dataclass
class Row:
    """One line of the table: what was measured, and figures by name."""

    part: str
    what: str
    figures: dict[str, float | int | str | bool | None] = field(default_factory=dict)
    skipped: str = ""
    """Why there are none."""


@dataclass
class Unit:
    """One measurement."""

    what: str
    run: Callable[[], dict[str, Any]]
    work: float = 1.0
    """How long it takes, relative to the other units of its part."""


@dataclass
class Part:
    """Measurements of one kind and their share of the time."""

    name: str
    share: float
    units: Callable[[], Iterator[Unit]]


def hold(parts: list[Part], *, minutes: float, say: Callable[[str], None]) -> list[Row]:
    """Run the parts within the minutes; a unit that failed or did not fit is a row that says so.

    What a part leaves over goes to the later ones. How long a unit will take is judged by the
    slowest one of its part so far, by their relative work.
    """
    ends = time.monotonic() + 60 * minutes
    rows = []
    for place, part in enumerate(parts):
        later = sum(other.share for other in parts[place:])
        left = ends - time.monotonic()
        until = time.monotonic() + left * part.share / later
        rate = 0.0  # seconds for one of work
        for unit in part.units():
            row = Row(part.name, unit.what)
            expected, left = rate * unit.work, until - time.monotonic()
            if left <= 0 or expected > left:
                row.skipped = f"about {expected:.0f} s, {max(left, 0):.0f} s of this part are left"
            else:
                began = time.monotonic()
                try:
                    row.figures = unit.run()
                except (RuntimeError, ValueError, PvuwError) as error:
                    row.skipped = f"{type(error).__name__}: {str(error).splitlines()[0][:120]}"
                rate = max(rate, (time.monotonic() - began) / unit.work)
            rows.append(row)
            say(line_of(row))
    return rows


def line_of(row: Row) -> str:
    """A row of the table."""
    figures = "  ".join(f"{name} {_number(value)}" for name, value in row.figures.items())
    return f"{row.part:9} {row.what:44} {f'skipped: {row.skipped}' if row.skipped else figures}"


def as_json(rows: list[Row]) -> list[dict[str, Any]]:
    """Rows as plain data."""
    return [asdict(row) for row in rows]


def _number(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
    return "-" if value is None else str(value)
