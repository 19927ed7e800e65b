"""Scores of whole folders of predictions, video by video over several processes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pvuw.errors import DataError
from pvuw.io.folder import shorten
from pvuw.io.masks import read_id_map
from pvuw.metrics.accumulate import VideoResult, VideoScore
from pvuw.metrics.folders import VideoPair
from pvuw.parallel import map_as_done


@dataclass(frozen=True)
class VideoReport:
    """What came of one video: its scores, or why there are none."""

    video_id: str
    frame_names: list[str]
    """Stem of each scored frame, length `E`."""
    result: VideoResult | None
    problems: list[str]
    """One line per reason; empty exactly if there is a result."""


@dataclass
class _Findings:
    """What is wrong with single masks of a video."""

    unreadable: list[str] = field(default_factory=list)
    other_size: list[str] = field(default_factory=list)

    def lines(self, folder: Path) -> list[str]:
        lines = list(self.unreadable)
        if self.other_size:
            lines.append(
                f"{folder}: {len(self.other_size)} masks differ in size from their truth "
                f"({shorten(self.other_size)}); resize ids to the truth's size with "
                "nearest neighbour"
            )
        return lines


def score_videos(
    videos: Sequence[VideoPair], protocol: str, *, void_id: int | None, workers: int
) -> Iterator[VideoReport]:
    """Yield the report of every video as it gets done, the longest videos first.

    Args:
        videos: What to score.
        protocol: One of `PROTOCOL_NAMES`.
        void_id: Id in the truth that means "no ground truth here"; None: there is none.
        workers: Processes to use; with 1 all happens in this one.

    Raises:
        PvuwError: If a process dies, which happens when memory runs out.
    """
    longest_first = sorted(videos, key=lambda video: -len(video.frame_names))
    work = partial(score_video, protocol=protocol, void_id=void_id)
    for _, report in map_as_done(
        work, longest_first, workers=min(workers, len(videos)), name=lambda video: video.video_id
    ):
        yield report


def score_video(video: VideoPair, protocol: str, *, void_id: int | None) -> VideoReport:
    """Return one video's scores, or every reason why it has none.

    Args:
        video: Its mask files.
        protocol: One of `PROTOCOL_NAMES`.
        void_id: Id in the truth that means "no ground truth here"; None: there is none.
    """
    score = VideoScore(None, protocol)
    findings = _Findings()
    counting = score.protocol.scored_frames(len(video.frame_names))
    for index, name in enumerate(video.frame_names):
        truth = _read(video.truth_folder / f"{name}.png", findings, void_id=void_id)
        if index not in counting or name in video.missing:
            prediction = None
        else:
            prediction = _read(video.predicted_folder / f"{name}.png", findings, void_id=None)
        if truth is None:
            continue  # the video has no result now; the other frames may hold more problems
        if prediction is None or not _same_size(truth, prediction, name=name, findings=findings):
            score.observe(truth)
        else:
            score.add(truth, prediction)
    return _report(video, score, findings, counting)


def _read(path: Path, findings: _Findings, *, void_id: int | None) -> NDArray[np.uint8] | None:
    try:
        return read_id_map(path, void_id=void_id)
    except DataError as error:
        findings.unreadable.append(str(error))
        return None


def _same_size(
    truth: NDArray[np.uint8], prediction: NDArray[np.uint8], *, name: str, findings: _Findings
) -> bool:
    if prediction.shape == truth.shape:
        return True
    (height, width), (true_height, true_width) = prediction.shape, truth.shape
    findings.other_size.append(f"{name} {height}x{width} for {true_height}x{true_width}")
    return False


def _report(
    video: VideoPair, score: VideoScore, findings: _Findings, counting: range
) -> VideoReport:
    problems = findings.lines(video.predicted_folder)
    result = score.result() if score.num_scored else None
    if result is not None:
        problems += _rule_problems(video, result, score)
    return VideoReport(
        video_id=video.video_id,
        frame_names=[video.frame_names[t] for t in counting],
        result=None if problems or video.missing else result,
        problems=problems,
    )


def _rule_problems(video: VideoPair, result: VideoResult, score: VideoScore) -> list[str]:
    if not result.object_ids:
        return [
            f"{video.truth_folder / video.frame_names[0]}.png: shows no object, so the video has "
            "nothing to score; remove the video from the truth"
        ]
    if result.extra_ids and not score.protocol.allows_extra_ids:
        ids = [f"{i} in {count} frames" for i, count in result.extra_ids.items()]
        return [
            f"{video.predicted_folder}: predicted ids that are no object of the video "
            f"({shorten(ids)}), objects are {shorten([str(i) for i in result.object_ids])}; "
            "remove those ids, or score with --protocol mose, which ignores them"
        ]
    return []
