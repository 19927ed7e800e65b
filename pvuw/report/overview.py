"""The part of the page that is read without opening a video: figures, and tables worst first."""

from collections.abc import Sequence
from dataclasses import dataclass

from pvuw.metrics.report import ObjectRow, Summary, summarise
from pvuw.report.entry import ObjectSummary, VideoSummary
from pvuw.report.settings import ReportSettings


@dataclass(frozen=True)
class Line:
    """A line of one of the tables: a video, or one of its objects."""

    video: VideoSummary
    scores: tuple[ObjectRow | None, ...]
    """Of each side; None: not scored."""
    shown: ObjectSummary | None
    """The object; of a video the one that scores lowest, None where none is scored."""

    @property
    def first(self) -> ObjectRow | None:
        """Scores of the prediction."""
        return self.scores[0] if self.scores else None

    @property
    def second(self) -> ObjectRow | None:
        """Scores of what it is compared with."""
        return self.scores[1] if len(self.scores) > 1 else None

    @property
    def gain(self) -> float | None:
        """J&F of the prediction less that of the other."""
        return None if not self.first or not self.second else self.first.jf - self.second.jf

    @property
    def rank(self) -> tuple[bool, float]:
        """A key under which low scores come first and missing ones last."""
        return self.first is None, 0.0 if self.first is None else self.first.jf


@dataclass(frozen=True)
class SideScore:
    """What one side scores over all videos."""

    label: str
    num_objects: int
    mean: Summary


def side_scores(videos: Sequence[VideoSummary], settings: ReportSettings) -> list[SideScore]:
    """Return the means of each side that is scored on any object."""
    scores = []
    for side, source in enumerate(settings.sides):
        rows = [row for video in videos for row in video.rows(side)]
        if rows:
            scores.append(SideScore(source.label, len(rows), summarise(rows)))
    return scores


def video_lines(videos: Sequence[VideoSummary]) -> list[Line]:
    """Return one line per video, the lowest score of the prediction first."""
    lines = [Line(video, _means(video), _lowest(video)) for video in videos]
    return sorted(lines, key=lambda line: (*line.rank, line.video.video_id))


def object_lines(videos: Sequence[VideoSummary]) -> list[Line]:
    """Return one line per object of all videos, the lowest score of the prediction first."""
    shown = ((video, summary) for video in videos for summary in video.objects)
    lines = [(s.object_id, Line(video, s.scores, s)) for video, s in shown]
    lines.sort(key=lambda pair: (*pair[1].rank, pair[1].video.video_id, pair[0]))
    return [line for _, line in lines]


def _means(video: VideoSummary) -> tuple[ObjectRow | None, ...]:
    """Return the video's mean scores of each side, in the shape of an object's."""
    means: list[ObjectRow | None] = []
    for side in range(len(video.objects[0].scores) if video.objects else 0):
        rows = video.rows(side)
        if rows:
            mean = summarise(rows)
            means.append(ObjectRow(video.video_id, 0, rows[0].num_frames, mean.j, mean.f))
        else:
            means.append(None)
    return tuple(means)


def _lowest(video: VideoSummary) -> ObjectSummary | None:
    scored = [(row.jf, place) for place, o in enumerate(video.objects) if (row := o.first)]
    return video.objects[min(scored)[1]] if scored else None
