"""The tables of the study of choosing and fusing: J&F with 95 % bootstrap intervals over videos."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.pgmr_damage import MEMBERS
from benchmarks.results import Table
from pvuw.ensemble.recommend.database import PerformanceRow

Scores = dict[str, NDArray[np.float64]]
"""J&F of every video under each way to answer."""
Rows = Sequence[Sequence[PerformanceRow]]
"""What is recorded of each video."""
MAIN_WAYS = ("select per video", "select per object", "fuse with the database")
_INTERVAL, _GAIN = "{:.3f} [{:.3f}, {:.3f}]", "{:+.3f} [{:+.3f}, {:+.3f}]"


def best_of(scores: Scores) -> str:
    """The best single member, in hindsight."""
    return max(MEMBERS, key=lambda member: scores[member].mean())


def way_table(scores: Scores) -> Table:
    """J&F of every way with intervals, and its paired differences to the two baselines."""
    bases = (best_of(scores), "majority of pixels")
    rows = []
    for way, values in scores.items():
        gains = [None if way == base else with_interval(values - scores[base]) for base in bases]
        rows.append([way, with_interval(values), *gains])
    rows[MEMBERS.index(bases[0])][0] += " (best single, in hindsight)"
    heads = ("", "J&F", "to the best single member", "to the majority")
    return Table(heads, rows, ("{}", _INTERVAL, _GAIN, _GAIN))


def error_table(errors: NDArray[np.float64]) -> Table:
    """How often the truth lies within the uncertainty that `select per video` states."""
    within = [float((np.abs(errors) < width).mean()) for width in (1, 2)]
    heads = ("J&F of the chosen member within one stated deviation", "within two")
    return Table(heads, [within, ["(normal: 68 %)", "(normal: 95 %)"]], ("{:.0%}", "{:.0%}"))


def member_table(videos: Rows) -> Table:
    """What members score once exchanged ids are put right, as they are when followed."""
    scores = {
        m: [r.jf for rows in videos for r in rows if (r.level, r.member) == ("video", m)]
        for m in MEMBERS
    }
    row = ["J&F", *(float(np.mean(values)) for values in scores.values())]
    return Table(("exchanged ids put right", *MEMBERS), [row], ("{}", *["{:.3f}"] * len(MEMBERS)))


def group_table(videos: Rows, scores: Scores) -> Table:
    """Where it helps: by kind of video and by how much the members disagree."""
    calm = np.array([rows[0].video_id.startswith("calm") for rows in videos])
    agreed = np.array(
        [np.mean([r.agreement for r in rows if r.level == "video"]) for rows in videos]
    )
    disputed = agreed < np.median(agreed)
    groups = {
        "calm": calm,
        "crowd": ~calm,
        "members agree more than the median": ~disputed,
        "members agree less": disputed,
    }
    ways = (best_of(scores), "majority of pixels", *MAIN_WAYS)
    rows = [
        [name, int(chosen.sum()), *(float(scores[way][chosen].mean()) for way in ways)]
        for name, chosen in groups.items()
    ]
    heads = ("videos", "", "best single", "majority", *MAIN_WAYS)
    return Table(heads, rows, ("{}", "{}", *["{:.3f}"] * len(ways)))


def learning_table(gains: Mapping[int, Scores]) -> Table:
    """Gain over the majority by how many videos are recorded."""
    rows = [
        [recorded, *(with_interval(scores[way]) for way in MAIN_WAYS)]
        for recorded, scores in gains.items()
    ]
    return Table(("recorded", *MAIN_WAYS), rows, ("{}", *[_GAIN] * len(MAIN_WAYS)))


def with_interval(values: NDArray[np.float64]) -> list[float]:
    """Mean, and the ends of its interval."""
    return [float(values.mean()), *bootstrap(values)]


def bootstrap(values: NDArray[np.float64], *, rounds: int = 4000) -> tuple[float, float]:
    """Return the 95 % interval of the mean over videos."""
    rng = np.random.default_rng(0)
    means = values[rng.integers(0, len(values), (rounds, len(values)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)
