"""What the scores of many videos come to: means, a table, CSV rows."""

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from pvuw.metrics.accumulate import VideoResult, clip_means

_TABLE_ROWS = 20


@dataclass(frozen=True)
class ObjectRow:
    """Mean scores of one object over the scored frames of its video."""

    video_id: str
    object_id: int
    num_frames: int
    j: float
    f: float
    f_adaptive: float = math.nan
    """MOSEv2's size-adaptive F; this and all below are NaN under the other protocols."""
    j_hidden: float = math.nan
    """J over the object's disappearances; NaN without any, as the next."""
    f_hidden: float = math.nan
    """Adaptive F over them."""
    j_return: float = math.nan
    """J over the object's returns; NaN without any, as the next."""
    f_return: float = math.nan
    """Adaptive F over them."""

    @property
    def jf(self) -> float:
        """Mean of J and F."""
        return (self.j + self.f) / 2


@dataclass(frozen=True)
class Summary:
    """Means over objects, every object of every video counting the same."""

    j: float
    f: float
    f_adaptive: float
    jf_hidden: float
    """MOSEv2's J&F over disappearances, of the objects that have any; NaN if none has."""
    jf_return: float
    """The same over returns."""

    @property
    def jf(self) -> float:
        """Mean of J and F."""
        return (self.j + self.f) / 2

    @property
    def jf_adaptive(self) -> float:
        """Mean of J and MOSEv2's size-adaptive F."""
        return (self.j + self.f_adaptive) / 2


def object_rows(video_id: str, result: VideoResult) -> list[ObjectRow]:
    """Return the mean scores of each object of a video."""
    j_hidden, j_return = clip_means(result.j, result.visible)
    f_hidden, f_return = clip_means(result.f_adaptive, result.visible)
    if np.isnan(result.f_adaptive).all():  # a protocol without these figures
        j_hidden[:] = j_return[:] = math.nan
    columns = (
        result.object_j,
        result.object_f,
        result.f_adaptive.mean(axis=1),
        *(j_hidden, f_hidden, j_return, f_return),
    )
    num_frames = result.j.shape[1]
    return [
        ObjectRow(video_id, object_id, num_frames, *map(float, values))
        for object_id, *values in zip(result.object_ids, *columns, strict=True)
    ]


def summarise(rows: Sequence[ObjectRow]) -> Summary:
    """Return the means over objects.

    Raises:
        ValueError: If there is no object.

    Example:
        >>> summary = summarise([ObjectRow("a", 1, 9, 0.5, 0.7), ObjectRow("b", 1, 9, 1.0, 0.9)])
        >>> summary.j, summary.f, summary.jf
        (0.75, 0.8, 0.775)
    """
    if not rows:
        raise ValueError("no object to take the mean over")
    return Summary(
        j=float(np.mean([row.j for row in rows])),
        f=float(np.mean([row.f for row in rows])),
        f_adaptive=float(np.mean([row.f_adaptive for row in rows])),
        jf_hidden=(
            _mean_of_known(row.j_hidden for row in rows)
            + _mean_of_known(row.f_hidden for row in rows)
        )
        / 2,
        jf_return=(
            _mean_of_known(row.j_return for row in rows)
            + _mean_of_known(row.f_return for row in rows)
        )
        / 2,
    )


def video_table(rows: Sequence[ObjectRow], *, adaptive: bool) -> str:
    """Return a table of the videos with the lowest scores, worst first.

    Args:
        rows: All objects of all videos.
        adaptive: Rank by, and show, J&F with MOSEv2's size-adaptive F.
    """
    by_video: dict[str, list[ObjectRow]] = {}
    for row in rows:
        by_video.setdefault(row.video_id, []).append(row)
    means = {video_id: summarise(video_rows) for video_id, video_rows in by_video.items()}

    def rank(video_id: str) -> tuple[float, str]:
        mean = means[video_id]
        return (mean.jf_adaptive if adaptive else mean.jf), video_id

    worst = sorted(means, key=rank)
    width = max(len("video"), *map(len, worst[:_TABLE_ROWS]))
    head = f"{'video':{width}}  objects  frames" + "".join(f"{n:>8}" for n in ("J&F", "J", "F"))
    lines = [head + (f"{'J&Fdot':>8}" if adaptive else "")]
    for video_id in worst[:_TABLE_ROWS]:
        mean, video_rows = means[video_id], by_video[video_id]
        line = f"{video_id:{width}}  {len(video_rows):7d}  {video_rows[0].num_frames:6d}"
        line += "".join(f"{value:8.4f}" for value in (mean.jf, mean.j, mean.f))
        lines.append(line + (f"{mean.jf_adaptive:8.4f}" if adaptive else ""))
    if len(worst) > _TABLE_ROWS:
        lines.append(f"… {len(worst) - _TABLE_ROWS} more")
    return "\n".join(lines)


def summary_lines(summary: Summary, *, adaptive: bool) -> str:
    """Return the overall scores; the last line is always `J&F <x> J <y> F <z>`.

    Example:
        >>> print(summary_lines(summarise([ObjectRow("a", 1, 9, 0.5, 0.75)]), adaptive=False))
        J&F 0.625000 J 0.500000 F 0.750000
    """
    last = f"J&F {summary.jf:.6f} J {summary.j:.6f} F {summary.f:.6f}"
    if not adaptive:
        return last
    first = f"J&Fdot {summary.jf_adaptive:.6f} Fdot {summary.f_adaptive:.6f}"
    hidden = "none" if math.isnan(summary.jf_hidden) else f"{summary.jf_hidden:.6f}"
    back = "none" if math.isnan(summary.jf_return) else f"{summary.jf_return:.6f}"
    return f"{first} J&Fdot_d {hidden} J&Fdot_r {back}\n{last}"


def object_csv(rows: Iterable[ObjectRow], *, adaptive: bool) -> str:
    """Return one line per object, at full precision, with a header; cells of NaN stay empty."""
    header = ["video", "object", "frames", "j", "f", "jf"]
    if adaptive:
        header += ["fdot", "j_d", "fdot_d", "j_r", "fdot_r"]
    lines = []
    for row in rows:
        line = [row.video_id, row.object_id, row.num_frames, row.j, row.f, row.jf]
        if adaptive:
            line += [row.f_adaptive, row.j_hidden, row.f_hidden, row.j_return, row.f_return]
        lines.append(line)
    return _to_csv(header, lines)


def frame_csv(videos: Iterable[tuple[str, Sequence[str], VideoResult]], *, adaptive: bool) -> str:
    """Return one line per object and frame, at full precision, with a header.

    Args:
        videos: Name, names of the scored frames and scores of each video.
        adaptive: Add a column with MOSEv2's size-adaptive F.
    """
    header = ["video", "object", "frame", "visible", "j", "f", *(["fdot"] if adaptive else [])]
    lines: list[list[object]] = []
    for video_id, frame_names, result in videos:
        for row, object_id in enumerate(result.object_ids):
            for column, name in enumerate(frame_names):
                scores = [result.j[row, column], result.f[row, column]]
                if adaptive:
                    scores.append(result.f_adaptive[row, column])
                visible = int(result.visible[row, column])
                lines.append([video_id, object_id, name, visible, *map(float, scores)])
    return _to_csv(header, lines)


def _to_csv(header: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    for line in lines:
        writer.writerow("" if isinstance(x, float) and math.isnan(x) else x for x in line)
    return text.getvalue()


def _mean_of_known(values: Iterable[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan
