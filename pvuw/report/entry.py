"""What a video adds to the page: a few figures for the overview, and everything to look at it."""

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pvuw.errors import DataError
from pvuw.io.mask_store import UnionMasks
from pvuw.io.queries import Query
from pvuw.io.videos import Video
from pvuw.metrics.report import ObjectRow
from pvuw.metrics.sentences import buckets_of
from pvuw.report.members.facts import EnsembleFacts, measure_members
from pvuw.report.members.summary import EnsembleSummary, summarise_members
from pvuw.report.payload import anchor, make_payload, picked_frames
from pvuw.report.pictures import encode_picture, read_small, reduced_size
from pvuw.report.settings import ReportSettings
from pvuw.report.sides import VideoFacts, absences, measure_sides
from pvuw.report.thumbs import Thumb, Thumbs


@dataclass(frozen=True)
class EntryTask:
    """One video to make entries of; travels to another process."""

    queries: tuple[Query, ...]
    """What is asked of the video: to follow its objects, or what sentences mean; at least one."""
    settings: ReportSettings

    @property
    def video(self) -> Video:
        """The video."""
        return self.queries[0].video


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
    thumb: Thumb | None = None
    """Its worst moment."""

    @property
    def first(self) -> ObjectRow | None:
        """Scores of the prediction."""
        return self.scores[0] if self.scores else None


@dataclass
class VideoSummary:
    """One query's line in the overview: a video's, or a sentence's."""

    video_id: str
    """Id of the query."""
    num_frames: int
    objects: list[ObjectSummary] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    num_pictures: int = 0
    ensemble: EnsembleSummary | None = None
    """What became of the members, where the prediction has any."""
    sentence: str | None = None
    buckets: tuple[str, ...] = ()
    """Kinds of sentences it belongs to."""
    thumb: Thumb | None = None
    """Its worst moment."""

    def rows(self, side: int) -> list[ObjectRow]:
        """Return the scores of the objects that one side is scored on."""
        rows = [summary.scores[side] for summary in self.objects]
        return [row for row in rows if row is not None]


@dataclass(frozen=True)
class Entry:
    """What a query adds to the page."""

    summary: VideoSummary
    payload: str | None
    """JSON for the viewer; None for a query that cannot be shown."""


@dataclass(frozen=True)
class Entries:
    """What a video adds to the page."""

    video_id: str
    entries: list[Entry]
    pictures: str | None
    """JSON of the frames that all of its queries show; None where each brings its own."""


def make_entries(task: EntryTask) -> Entries:
    """Return a video's entries; of a broken one they hold the reason and nothing to look at."""
    settings, measured, entries = task.settings, {}, {}
    for query in task.queries:
        try:
            query.video.check()
            facts = measure_sides(query, settings.sides, settings.truth, settings.protocol)
            measured[query.query_id] = facts, _members(query, facts, settings)
        except DataError as error:
            broken = VideoSummary(query.query_id, len(query.video), problems=[str(error)])
            entries[query.query_id] = Entry(broken, None)
    if not measured:
        return Entries(task.video.video_id, list(entries.values()), None)
    picks = picked_frames(task.queries[0], list(measured.values()), settings)
    first, _ = next(iter(measured.values()))
    frames = [_picture(task.video, position, settings, first) for position in picks]
    shared = settings.asks == "expression"
    for query in task.queries:
        if query.query_id in measured:
            facts, members = measured[query.query_id]
            payload = make_payload(query, facts, members, settings, picks)
            payload["pictures"] = None if shared else frames
            payload["frames"] = anchor(task.video.video_id, "frames")
            entries[query.query_id] = _entry(query, facts, members, settings, payload)
    ordered = [entries[query.query_id] for query in task.queries]
    return Entries(task.video.video_id, ordered, _json(frames) if shared else None)


def _entry(
    query: Query,
    facts: VideoFacts,
    members: EnsembleFacts | None,
    settings: ReportSettings,
    payload: dict[str, Any],
) -> Entry:
    thumbs = Thumbs(query, facts, settings)
    sentence = query.prompt if isinstance(query.prompt, str) else None
    summary = VideoSummary(
        query.query_id,
        len(query.video),
        [_object_summary(query, facts, object_id, thumbs) for object_id in facts.object_ids],
        facts.problems,
        facts.notes,
        len(payload["picks"]),
        None if members is None else summarise_members(query.query_id, facts.sides[0], members),
        sentence,
        () if sentence is None else buckets_of(sentence, _num_targets(query)),
        thumbs.of(),
    )
    return Entry(summary, _json(payload))


def _num_targets(query: Query) -> int | None:
    """How many objects a sentence means, where the truth says so."""
    return len(query.truth.targets[0]) if isinstance(query.truth, UnionMasks) else None


def _json(content: object) -> str:
    return json.dumps(content, separators=(",", ":"))


def _picture(
    video: Video, position: int, settings: ReportSettings, facts: VideoFacts
) -> str | None:
    """Return a frame; one that cannot be read is a problem, and its masks are shown alone."""
    try:
        return encode_picture(
            read_small(video, position, reduced_size(video.size_hw, settings.max_side))
        )
    except DataError as error:
        facts.problems.append(str(error))
        return None


def _members(query: Query, facts: VideoFacts, settings: ReportSettings) -> EnsembleFacts | None:
    """Return what the members say; where their record is damaged, that is a problem and no more."""
    if settings.ensemble is None:
        return None
    answer = settings.sides[0]
    try:
        members = measure_members(
            query, answer, settings.ensemble, settings.truth, settings.protocol
        )
    except DataError as error:
        facts.problems.append(str(error))
        return None
    facts.problems += members.problems
    facts.notes += members.notes
    return members


def _object_summary(
    query: Query, facts: VideoFacts, object_id: int, thumbs: Thumbs
) -> ObjectSummary:
    area = (facts.truth or facts.sides[0]).area_of(object_id)
    if facts.truth is not None and np.isnan(area).all():
        area = facts.sides[0].area_of(object_id)
    return ObjectSummary(
        object_id,
        tuple(side.row(query.query_id, object_id) for side in facts.sides),
        int(np.count_nonzero(area > 0)),
        absences(area),
        thumbs.of(object_id),
    )
