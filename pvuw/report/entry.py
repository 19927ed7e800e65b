"""One video's part of the page: a few figures for the overview, and everything to look at it."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pvuw.errors import DataError
from pvuw.io.masks import davis_palette, read_id_map
from pvuw.io.videos import Video
from pvuw.metrics.report import ObjectRow
from pvuw.report.measure import MaskSource, Series, SideFacts, VideoFacts, absences, measure_video
from pvuw.report.pictures import (
    choose_frames,
    encode_id_map,
    encode_picture,
    read_reduced,
    reduced_size,
)


@dataclass(frozen=True)
class ReportSettings:
    """What every video's entry is made with."""

    sides: tuple[MaskSource, ...]
    """The prediction, and what to compare it with."""
    truth: MaskSource | None
    protocol: str
    max_side: int
    """Longer side of the pictures, pixels."""
    frames_per_video: int

    @property
    def compares_with_truth(self) -> bool:
        """Whether scores are scores; without truth they say how far two predictions agree."""
        return self.truth is not None

    @property
    def has_scores(self) -> bool:
        """Whether there is anything to score against."""
        return self.truth is not None or len(self.sides) == 2


@dataclass(frozen=True)
class EntryTask:
    """One video to make an entry of; travels to another process."""

    video: Video
    settings: ReportSettings


@dataclass(frozen=True)
class ObjectSummary:
    """One object's line in the overview."""

    object_id: int
    scores: tuple[ObjectRow | None, ...]
    """Of each side; None where it is not scored."""
    num_visible: int
    """Frames that show it, by the truth where there is one, else by the prediction."""
    absences: int
    """How often it leaves and comes back."""


@dataclass
class VideoSummary:
    """One video's line in the overview."""

    video_id: str
    num_frames: int
    objects: list[ObjectSummary] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    num_pictures: int = 0

    def rows(self, side: int) -> list[ObjectRow]:
        """Return the scores of the objects that one side is scored on."""
        rows = [summary.scores[side] for summary in self.objects]
        return [row for row in rows if row is not None]


@dataclass(frozen=True)
class Entry:
    """What a video adds to the page."""

    summary: VideoSummary
    payload: str | None
    """JSON for the viewer; None for a video that cannot be shown."""


def make_entry(task: EntryTask) -> Entry:
    """Return a video's entry; of a broken video it holds the reason and nothing to look at."""
    video, settings = task.video, task.settings
    try:
        video.check()
        facts = measure_video(video, settings.sides, settings.truth, settings.protocol)
        payload = _payload(video, facts, settings)
    except DataError as error:
        return Entry(VideoSummary(video.video_id, len(video), problems=[str(error)]), None)
    summary = VideoSummary(
        video.video_id,
        len(video),
        [_object_summary(video, facts, object_id) for object_id in facts.object_ids],
        facts.problems,
        facts.notes,
        len(payload["picks"]),
    )
    return Entry(summary, json.dumps(payload, separators=(",", ":")))


def boundary_scores(side: SideFacts) -> NDArray[np.float64]:
    """Return the F that the protocol is headed by, `[N, E]`: size-adaptive where it has one."""
    assert side.scores is not None
    adaptive = side.scores.f_adaptive
    return side.scores.f if np.isnan(adaptive).all() else adaptive


def _object_summary(video: Video, facts: VideoFacts, object_id: int) -> ObjectSummary:
    area = (facts.truth or facts.sides[0]).area_of(object_id)
    if facts.truth is not None and np.isnan(area).all():
        area = facts.sides[0].area_of(object_id)
    return ObjectSummary(
        object_id,
        tuple(_object_row(video, side, object_id) for side in facts.sides),
        int(np.count_nonzero(area > 0)),
        absences(area),
    )


def _object_row(video: Video, side: SideFacts, object_id: int) -> ObjectRow | None:
    if side.scores is None or object_id not in side.scores.object_ids:
        return None
    row = side.scores.object_ids.index(object_id)
    j, f = side.scores.j[row], boundary_scores(side)[row]
    return ObjectRow(video.video_id, object_id, len(j), float(j.mean()), float(f.mean()))


def _payload(video: Video, facts: VideoFacts, settings: ReportSettings) -> dict[str, Any]:
    """Return what the viewer needs, pictures included, one frame in memory at a time.

    A frame that cannot be read becomes a problem of the video, and its masks are shown alone.
    """
    ids = facts.object_ids
    size_hw = reduced_size(video.size_hw, settings.max_side)
    picks = choose_frames(len(video), settings.frames_per_video, wanted=_worst_frame(facts))
    named = [(source, side) for source, side in zip(settings.sides, facts.sides, strict=True)]
    if settings.truth is not None and facts.truth is not None:
        named.append((settings.truth, facts.truth))
    sides = [_side_payload(side, ids) for _, side in named]
    pictures: list[str | None] = []
    for position in picks:
        try:
            pictures.append(encode_picture(read_reduced(video, position, size_hw)))
        except DataError as error:
            pictures.append(None)
            facts.problems.append(str(error))
        for payload, (source, side) in zip(sides, named, strict=True):
            mask = None
            if side.areas[position] is not None:
                id_map = read_id_map(source.path(video, position), void_id=source.void_id)
                mask = encode_id_map(id_map, size_hw)
            payload["masks"].append(mask)
    return {
        "id": video.video_id,
        "count": len(video),
        "pixels": video.size_hw[0] * video.size_hw[1],
        "size": size_hw,
        "picks": picks,
        "names": [video.frame_paths[position].stem for position in picks],
        "objects": [{"id": i, "colour": line_colour(i)} for i in ids],
        "pictures": pictures,
        "sides": sides,
        "notes": facts.problems + facts.notes,
    }


def _side_payload(side: SideFacts, ids: Sequence[int]) -> dict[str, Any]:
    payload: dict[str, Any] = {
        "label": side.label,
        "area": [_integers(side.area_of(i)) for i in ids],
        "masks": [],
        "j": None,
        "f": None,
    }
    if side.scores is not None:
        scores_f = boundary_scores(side)
        payload["j"] = [_integers(1000 * side.curve(side.scores.j, i)) for i in ids]
        payload["f"] = [_integers(1000 * side.curve(scores_f, i)) for i in ids]
    return payload


def _worst_frame(facts: VideoFacts) -> int | None:
    """Return the position where the prediction's objects score lowest together."""
    side = facts.sides[0]
    if side.scores is None:
        return None
    totals = (side.scores.j + boundary_scores(side)).mean(axis=0)
    return side.scored_frames[int(totals.argmin())]


def _integers(values: Series) -> list[int | None]:
    """Return whole numbers, which take few characters, and None for NaN."""
    return [None if math.isnan(value) else round(value) for value in values.tolist()]


def line_colour(object_id: int) -> str:
    """Return an object's palette colour, lifted so that lines of it show on light and dark.

    Example:
        >>> line_colour(1)
        '#9f3f3f'
    """
    red, green, blue = (63 + 3 * int(value) // 4 for value in davis_palette()[object_id])
    return f"#{red:02x}{green:02x}{blue:02x}"
