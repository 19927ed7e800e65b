"""The tables of the study of choosing and fusing: J&F with 95 % bootstrap intervals over videos."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.pgmr_damage import MEMBERS
from pvuw.ensemble.recommend.database import PerformanceRow

Scores = dict[str, NDArray[np.float64]]
"""J&F of every video under each way to answer."""
Rows = Sequence[Sequence[PerformanceRow]]
"""What is recorded of each video."""


def print_table(scores: Scores) -> None:
    """Print J&F of every way with intervals, and its paired differences to the two baselines."""
    best = max(MEMBERS, key=lambda member: scores[member].mean())
    print(f"best single member, with hindsight: {best}")
    print(f"{'':34}{'J&F':>7}  {'95 % interval':17}{'to best single':>25}{'to majority':>25}")
    for way, values in scores.items():
        low, high = bootstrap(values)
        cells = [f"{values.mean():7.3f}  {low:.3f} to {high:.3f}   "]
        for base in (best, "majority"):
            difference = values - scores[base]
            low, high = bootstrap(difference)
            cells.append(f"{difference.mean():+8.3f} [{low:+.3f}, {high:+.3f}]")
        print(f"{way:34}" + "".join(cells))


def print_errors(errors: NDArray[np.float64]) -> None:
    """Print how often the truth lies within the uncertainty that `select per video` states."""
    within = [float((np.abs(errors) < width).mean()) for width in (1, 2)]
    print(
        f"J&F of the chosen member within one stated standard deviation: {within[0]:.0%} of "
        f"videos, within two: {within[1]:.0%} (normal: 68%, 95%)"
    )


def print_members(videos: Rows) -> None:
    """Print what members score once exchanged ids are put right, as they are when followed."""
    cells = []
    for member in MEMBERS:
        scores = [r.jf for rows in videos for r in rows if (r.level, r.member) == ("video", member)]
        cells.append(f"{member} {np.mean(scores):.3f}")
    print(f"members, exchanged ids put right: {', '.join(cells)}")


def print_groups(videos: Rows, scores: Scores) -> None:
    """Print where it helps: by kind of video and by how much the members disagree."""
    calm = np.array([rows[0].video_id.startswith("calm") for rows in videos])
    agreed = np.array(
        [np.mean([r.agreement for r in rows if r.level == "video"]) for rows in videos]
    )
    disputed = agreed < np.median(agreed)
    groups = {
        "calm": calm,
        "crowd": ~calm,
        "members agree": ~disputed,
        "members disagree": disputed,
    }
    ways = ("majority", "select per video", "select per object", "fuse")
    best = max(MEMBERS, key=lambda member: scores[member].mean())
    print(f"{'videos':24}{'n':>4}" + "".join(f"{way:>26}" for way in (best, *ways)))
    for name, chosen in groups.items():
        cells = "".join(f"{scores[way][chosen].mean():26.3f}" for way in (best, *ways))
        print(f"{name:24}{int(chosen.sum()):4d}{cells}")


def bootstrap(values: NDArray[np.float64], *, rounds: int = 4000) -> tuple[float, float]:
    """Return the 95 % interval of the mean over videos."""
    rng = np.random.default_rng(0)
    means = values[rng.integers(0, len(values), (rounds, len(values)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)
