"""What the performance database knows, as tables."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pvuw.ensemble.recommend.database import PerformanceRow
from pvuw.ensemble.recommend.features import Features
from pvuw.ensemble.recommend.priors import PUBLISHED_MEMBERS, prior_of


@dataclass(frozen=True)
class VideoKind:
    """A kind of video that members are compared on; a video may be of several."""

    name: str
    holds: Callable[[Features], bool]


KINDS = (
    VideoKind("all", lambda _: True),
    VideoKind("4+ objects", lambda f: f.objects >= np.log2(1 + 3.5)),
    VideoKind("small", lambda f: f.small > 0.5),
    VideoKind("occluded", lambda f: f.collapse > 0.5),
    VideoKind("absences", lambda f: f.absent > 0.02),
    VideoKind("look-alikes", lambda f: f.lookalike > 0.25),
)
"""Small: more than half of the masks. Occluded: half of an object's area is lost, mean over objects
and frames. Absences: more than 2 % of objects and frames. Look-alikes: a closeness of 1/4 and more
to an object of the same looks."""


def member_table(rows: Sequence[PerformanceRow]) -> str:
    """Return J&F per member and kind of video, with the number of videos in brackets.

    Args:
        rows: Rows of videos, all scored by the same rules.
    """
    members = sorted({row.member for row in rows})
    width = max([len("member"), *map(len, members)])
    lines = [f"{'member':{width}}" + "".join(f"{kind.name:>16}" for kind in KINDS)]
    for member in members:
        cells = ""
        for kind in KINDS:
            own = [row.jf for row in rows if row.member == member and kind.holds(row.features)]
            cells += f"{f'{np.mean(own):.3f} ({len(own)})' if own else '-':>16}"
        lines.append(f"{member:{width}}{cells}")
    return "\n".join(lines)


def published_table() -> str:
    """Return what is published of the members, with sources: what an empty database goes by.

    Example:
        >>> print(published_table().splitlines()[1][:35])
        cutie           0.699  MOSEv2 paper
    """
    lines = [f"{'member':16}{'J&F':5}  source"]
    for member in PUBLISHED_MEMBERS:
        prior = prior_of(member)
        lines.append(f"{member:16}{prior.jf:.3f}  {prior.source}")
    return "\n".join(lines)
