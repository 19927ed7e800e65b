"""One video through an ensemble, from members' folders to the answer's."""

import hashlib
import json
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pvuw.ensemble.fuse.evidence import Evidence
from pvuw.ensemble.members.folders import Member, MemberConfidences, MemberFrames
from pvuw.ensemble.members.frame_line import frame_line
from pvuw.ensemble.members.output import answer_of, stamp_of
from pvuw.ensemble.methods import METHODS, Given, Method
from pvuw.ensemble.recommend.database import PerformanceDatabase, PerformanceRow
from pvuw.ensemble.recommend.performance import read_scene
from pvuw.ensemble.recommend.select import Granularity
from pvuw.errors import DataError, PvuwError
from pvuw.io.mask_store import IdMap

_VERSION = 3
"""Raised whenever the same inputs would give other masks: finished videos are then made again."""


@dataclass(frozen=True)
class EnsembleConfig:
    """What is done with which members."""

    method: str
    """One of `METHODS`."""
    members: tuple[Member, ...]
    """In order of priority."""
    granularity: Granularity = "video"
    """Of `select`."""
    images: Path | None = None
    """Frames, `<video>/<frame>.jpg`: say which frames there are and show the scene."""
    database: Path | None = None
    """Recorded performance (`pvuw ensemble record`); None: by weight."""
    protocol: str = "mose"
    """Whose scores of the database count."""

    @property
    def way(self) -> Method:
        """The method itself."""
        return METHODS[self.method](self.granularity)

    @property
    def names(self) -> list[str]:
        """Names of the members."""
        return [member.name for member in self.members]

    @property
    def weights(self) -> dict[str, float]:
        """Weight of each member."""
        return {member.name: member.weight for member in self.members}


@dataclass(frozen=True)
class AnswerTask:
    """One video to do."""

    config: EnsembleConfig
    out: Path
    video_id: str


@dataclass
class VideoReport:
    """What became of one video."""

    video_id: str
    num_frames: int = 0
    skipped: bool = False
    """It was there already, made from the very same inputs."""
    notes: list[str] = field(default_factory=list)
    """What its members lack and what was found, one line each."""
    failure: str | None = None
    """Why there is no answer."""


def run_video(task: AnswerTask) -> VideoReport:
    """Return what became of a video after writing its answer; a broken one is reported, not raised.

    Args:
        task: The video; skipped where its answer was made from the same inputs.
    """
    report = VideoReport(task.video_id)
    try:
        _run(task, report)
    except PvuwError as error:
        report.failure = str(error)
    return report


def _run(task: AnswerTask, report: VideoReport) -> None:
    config = task.config
    frames = MemberFrames(config.members, task.video_id, images=config.images)
    rows = _rows(config)
    stamp = _stamp(config, frames, rows)
    report.num_frames = len(frames)
    if stamp_of(task.out, task.video_id) == stamp:
        report.skipped = True
        return
    report.notes += frames.problems
    with closing(MemberConfidences(frames)) as confidences:
        images = frames.image_paths
        read = (lambda position: read_scene(images[position])) if images else None
        given = Given(frames, confidences, config.weights, rows, read)
        outcome = config.way.run(given)
        with answer_of(task.out, task.video_id) as (write, note):
            head = {"stamp": stamp, "method": config.method, "video": task.video_id}
            note({**head, **outcome.record.to_json()})
            for position, answer in enumerate(outcome.answers):
                write(frames.frame_names[position], answer)
                note(_line(config, frames, position, answer, outcome.evidence))
    report.notes += [
        f"{exchange.member}: {task.video_id}: ids {exchange.object_ids[0]} and "
        f"{exchange.object_ids[1]} were exchanged from {exchange.first_frame} to "
        f"{exchange.last_frame}; put right"
        for exchange in outcome.record.exchanges
    ]


def _line(
    config: EnsembleConfig,
    frames: MemberFrames,
    position: int,
    answer: IdMap,
    evidence: Evidence | None,
) -> dict[str, Any]:
    """Return a frame's record; plain votes have none beyond the name, as they look at nothing."""
    name = frames.frame_names[position]
    if evidence is None:
        return {"frame": name}
    thin = evidence.thin(answer)
    assert thin is not None
    return frame_line(name, config.names, evidence.read_thin(position), thin)


def _rows(config: EnsembleConfig) -> list[PerformanceRow]:
    if config.database is None:
        return []
    if not config.database.is_file():
        raise DataError(f"{config.database}: no such file; fill it with pvuw ensemble record")
    with PerformanceDatabase(config.database) as database:
        level = config.way.level
        rows = database.rows(level=level, protocol=config.protocol)
    known = [row for row in rows if row.member in config.names]
    if not known:
        raise DataError(
            f"{config.database}: no {level} scores by {config.protocol} of {config.names[0]} or "
            "another member; record them under these names, or leave out --database"
        )
    return known


def _stamp(config: EnsembleConfig, frames: MemberFrames, rows: list[PerformanceRow]) -> str:
    """Return a SHA-256 over all that decides the answer: settings and files by content."""
    digest = hashlib.sha256()
    settings = [_VERSION, config.method, config.granularity, config.weights, frames.size_hw]
    digest.update(json.dumps([*settings, frames.frame_names]).encode())
    digest.update("".join(map(repr, rows)).encode())
    # What was recorded is looked up by what the frames show.
    pictures = frames.image_paths if rows else []
    for number, paths in enumerate([*frames.files(), pictures]):
        for path in paths:
            digest.update(f"{number} {path.stem}\n".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
