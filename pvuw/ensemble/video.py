"""One video through an ensemble, from members' folders to the answer's."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pvuw.ensemble.fuse.evidence import Evidence
from pvuw.ensemble.fuse.fusion import Fuser, vote
from pvuw.ensemble.members.folders import Member, MemberConfidences, MemberFrames
from pvuw.ensemble.members.output import answer_of, stamp_of
from pvuw.ensemble.members.record import frame_line, swap_lines
from pvuw.ensemble.recommend.database import PerformanceDatabase, PerformanceRow
from pvuw.ensemble.recommend.recommender import Recommendation, Recommender
from pvuw.ensemble.recommend.recording import read_picture
from pvuw.ensemble.recommend.select import (
    Granularity,
    Judge,
    Selection,
    follow,
    judge_by_record,
    judge_by_weight,
    select,
)
from pvuw.errors import DataError, PvuwError
from pvuw.io.mask_store import IdMap

Method = Literal["vote", "fuse", "select"]
_VERSION = 2
"""Raised whenever the same inputs would give other masks: finished videos are then made again."""


@dataclass(frozen=True)
class EnsembleConfig:
    """What is done with which members."""

    method: Method
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
    def names(self) -> list[str]:
        """Names of the members."""
        return [member.name for member in self.members]

    @property
    def weights(self) -> dict[str, float]:
        """Weight of each member."""
        return {member.name: member.weight for member in self.members}


@dataclass(frozen=True)
class VideoTask:
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


def run_video(task: VideoTask) -> VideoReport:
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


def _run(task: VideoTask, report: VideoReport) -> None:
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
        answers, header, evidence = _prepare(config, frames, confidences, rows)
        with answer_of(task.out, task.video_id) as (write, note):
            note({"stamp": stamp, "method": config.method, "video": task.video_id, **header})
            for position, answer in enumerate(answers):
                write(frames.frame_names[position], answer)
                note(_line(config, frames, position, answer, evidence))
    report.notes += [
        f"{swap['member']}: {task.video_id}: ids {swap['object_ids'][0]} and "
        f"{swap['object_ids'][1]} were exchanged from {swap['first_frame']} to "
        f"{swap['last_frame']}; put right"
        for swap in header.get("swaps", [])
    ]


def _prepare(
    config: EnsembleConfig,
    frames: MemberFrames,
    confidences: MemberConfidences,
    rows: list[PerformanceRow],
) -> tuple[Iterator[IdMap], dict[str, Any], Evidence | None]:
    """Return the answers, what the record says first, and the evidence where ids are matched."""
    weights = list(config.weights.values())
    header: dict[str, Any] = {"members": config.weights, "problems": frames.problems}
    if config.method == "vote":
        return vote(frames, weights), header, None
    evidence = Evidence(frames, weights)
    fuser = Fuser(evidence, confidences)
    header["swaps"] = swap_lines(evidence, config.names, frames.frame_names)
    header["same"] = _same(config, evidence)
    judge: Judge = judge_by_record(Recommender(rows)) if rows else judge_by_weight(config.weights)
    if config.method == "fuse" and not rows:
        return fuser.answers(), header, evidence
    granularity: Granularity = "object" if config.method == "fuse" else config.granularity
    look = _image_reader(config, frames)
    chosen = select(fuser, config.names, judge, granularity=granularity, image=look)
    header["selection"] = [_piece(frames, chosen, at, why) for at, why in chosen.pieces]
    if config.method == "select":
        return follow(evidence, chosen), header, evidence
    learnt = {at: _votes(why, config.names) for at, why in chosen.pieces}
    return Fuser(evidence, confidences, learnt=learnt).answers(), header, evidence


def _votes(why: Recommendation, names: Sequence[str]) -> list[float]:
    """Return the votes that members are recommended with; one without masks has a small one."""
    votes = why.vote_weights()
    return [votes.get(name, min(votes.values())) for name in names]


def _piece(
    frames: MemberFrames, selection: Selection, at: int, why: Recommendation
) -> dict[str, Any]:
    """Return one choice for the record."""
    place: dict[str, Any] = {}
    if selection.granularity == "object":
        place = {"object_id": at}
    elif selection.granularity == "frame":
        place = {"first_frame": frames.frame_names[at]}
    expected = {one.member: round(one.expected, 4) for one in why.estimates}
    return {
        **place,
        "member": why.member,
        "expected": expected,
        "votes": {name: round(vote, 4) for name, vote in why.vote_weights().items()},
        "uncertainty": round(why.uncertainty, 4),
        "reason": why.reason,
    }


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


def _same(config: EnsembleConfig, evidence: Evidence) -> list[list[str]]:
    """Return the members that never differ, in groups."""
    groups = {
        tuple(name for name, same in zip(config.names, row, strict=True) if same)
        for row in evidence.matching.same
    }
    return [list(group) for group in sorted(groups) if len(group) > 1]


def _image_reader(
    config: EnsembleConfig, frames: MemberFrames
) -> Callable[[int], NDArray[np.uint8]] | None:
    paths = frames.image_paths
    if config.images is None:
        return None

    def read(position: int) -> NDArray[np.uint8]:
        return read_picture(paths[position])

    return read


def _rows(config: EnsembleConfig) -> list[PerformanceRow]:
    if config.database is None:
        return []
    if not config.database.is_file():
        raise DataError(f"{config.database}: no such file; fill it with pvuw ensemble record")
    with PerformanceDatabase(config.database) as database:
        level: Granularity = "object" if config.method == "fuse" else config.granularity
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
    for number, paths in enumerate(frames.files()):
        for path in paths:
            digest.update(f"{number} {path.stem}\n".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
