"""One video's part of the page: a few figures for the overview, and everything to look at it."""

import json
from dataclasses import dataclass, field

import numpy as np

from pvuw.errors import DataError
from pvuw.io.videos import Video
from pvuw.metrics.report import ObjectRow
from pvuw.report.members.facts import EnsembleFacts, measure_members
from pvuw.report.members.summary import EnsembleSummary, summarise_members
from pvuw.report.payload import make_payload
from pvuw.report.settings import ReportSettings
from pvuw.report.sides import VideoFacts, absences, measure_sides


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

    @property
    def first(self) -> ObjectRow | None:
        """Scores of the prediction."""
        return self.scores[0] if self.scores else None


@dataclass
class VideoSummary:
    """One video's line in the overview."""

    video_id: str
    num_frames: int
    objects: list[ObjectSummary] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    num_pictures: int = 0
    ensemble: EnsembleSummary | None = None
    """What became of the members, where the prediction has any."""

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
        facts = measure_sides(video, settings.sides, settings.truth, settings.protocol)
        members = _members(video, facts, settings)
        payload = make_payload(video, facts, members, settings)
    except DataError as error:
        return Entry(VideoSummary(video.video_id, len(video), problems=[str(error)]), None)
    summary = VideoSummary(
        video.video_id,
        len(video),
        [_object_summary(video, facts, object_id) for object_id in facts.object_ids],
        facts.problems,
        facts.notes,
        len(payload["picks"]),
        None if members is None else summarise_members(video.video_id, facts.sides[0], members),
    )
    return Entry(summary, json.dumps(payload, separators=(",", ":")))


def _members(video: Video, facts: VideoFacts, settings: ReportSettings) -> EnsembleFacts | None:
    """Return what the members say; where their record is damaged, that is a problem and no more."""
    if settings.ensemble is None:
        return None
    answer = settings.sides[0]
    try:
        members = measure_members(
            video, answer, settings.ensemble, settings.truth, settings.protocol
        )
    except DataError as error:
        facts.problems.append(str(error))
        return None
    facts.problems += members.problems
    facts.notes += members.notes
    return members


def _object_summary(video: Video, facts: VideoFacts, object_id: int) -> ObjectSummary:
    area = (facts.truth or facts.sides[0]).area_of(object_id)
    if facts.truth is not None and np.isnan(area).all():
        area = facts.sides[0].area_of(object_id)
    return ObjectSummary(
        object_id,
        tuple(side.row(video.video_id, object_id) for side in facts.sides),
        int(np.count_nonzero(area > 0)),
        absences(area),
    )
