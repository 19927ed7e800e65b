"""Scores of whole folders of predictions, video by video over several processes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from pvuw.errors import DataError
from pvuw.io.folder import shorten
from pvuw.io.mask_store import IdMap, MaskStore
from pvuw.metrics.accumulate import VideoResult, VideoScore
from pvuw.metrics.pairs import ScoredPair
from pvuw.parallel import map_as_done

_NOTHING: IdMap = np.zeros((1, 1), dtype=np.uint8)


@dataclass(frozen=True)
class QueryReport:
    """What came of one query: its scores, or why there are none."""

    query_id: str
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

    def lines(self, folder: str) -> list[str]:
        lines = list(self.unreadable)
        if self.other_size:
            lines.append(
                f"{folder}: {len(self.other_size)} masks differ in size from their truth "
                f"({shorten(self.other_size)}); resize ids to the truth's size with "
                "nearest neighbour"
            )
        return lines


def score_pairs(
    pairs: Sequence[ScoredPair], protocol: str, *, workers: int
) -> Iterator[QueryReport]:
    """Yield the report of every query as it gets done, the longest videos first.

    Args:
        pairs: What to score.
        protocol: One of `PROTOCOL_NAMES`.
        workers: Processes to use; with 1 all happens in this one.

    Raises:
        PvuwError: If a process dies, which happens when memory runs out.
    """
    longest_first = sorted(pairs, key=lambda pair: -len(pair.frame_names))
    work, workers = partial(score_pair, protocol=protocol), min(workers, len(pairs))
    for _, report in map_as_done(
        work, longest_first, workers=workers, name=lambda pair: pair.query_id
    ):
        yield report


def score_pair(pair: ScoredPair, protocol: str) -> QueryReport:
    """Return one query's scores, or every reason why it has none.

    Args:
        pair: Its masks.
        protocol: One of `PROTOCOL_NAMES`.
    """
    score, findings = VideoScore(None, protocol), _Findings()
    if pair.prediction is None:
        return _score_of_nothing(pair, score, findings)
    counting = score.protocol.scored_frames(len(pair.frame_names))
    for t, name in enumerate(pair.frame_names):
        truth, prediction = _read(pair.truth, t, findings), None
        if t in counting and t in pair.prediction:
            prediction = _read(pair.prediction, t, findings)
        if truth is _NOTHING and prediction is not None:
            truth = np.zeros_like(prediction)
        if prediction is _NOTHING and truth is not None:
            prediction = np.zeros_like(truth)
        if truth is None:
            continue  # the query has no result now; the other frames may hold more problems
        if prediction is None or not _same_size(truth, prediction, name=name, findings=findings):
            score.observe(truth)
        else:
            score.add(truth, prediction)
    return _report(pair, score, findings)


def _score_of_nothing(pair: ScoredPair, score: VideoScore, findings: _Findings) -> QueryReport:
    """Return 0 in every frame that counts; empty masks would be right where nothing is to find."""
    for t in range(len(pair.frame_names)):
        truth = _read(pair.truth, t, findings)
        if truth is not None:
            score.add(truth, np.zeros_like(truth))
    report = _report(pair, score, findings)
    if report.result is None:
        return report
    lost = {name: 0 * getattr(report.result, name) for name in ("j", "f", "f_adaptive")}
    return replace(report, result=replace(report.result, **lost))


def _read(masks: MaskStore, frame_idx: int, findings: _Findings) -> IdMap | None:
    try:
        size_hw = masks.stored_size_hw(frame_idx)
        # Runs tell no size where nothing is visible.
        return _NOTHING if size_hw is None else masks.id_map(frame_idx, size_hw)
    except DataError as error:
        findings.unreadable.append(str(error))
        return None


def _same_size(truth: IdMap, prediction: IdMap, *, name: str, findings: _Findings) -> bool:
    if prediction.shape == truth.shape:
        return True
    (height, width), (true_height, true_width) = prediction.shape, truth.shape
    findings.other_size.append(f"{name} {height}x{width} for {true_height}x{true_width}")
    return False


def _report(pair: ScoredPair, score: VideoScore, findings: _Findings) -> QueryReport:
    counting = score.protocol.scored_frames(len(pair.frame_names))
    problems = findings.lines(pair.where)
    result = score.result() if score.num_scored else None
    if result is not None:
        problems += _rule_problems(pair, result, score)
    return QueryReport(
        query_id=pair.query_id,
        frame_names=[pair.frame_names[t] for t in counting],
        result=None if problems or pair.missing else result,
        problems=problems,
    )


def _rule_problems(pair: ScoredPair, result: VideoResult, score: VideoScore) -> list[str]:
    if not result.object_ids:
        return [
            f"{pair.truth.place(0)}: shows no object, so the video has nothing to score; remove "
            "the video from the truth"
        ]
    if result.extra_ids and not score.protocol.allows_extra_ids:
        ids = [f"{i} in {count} frames" for i, count in result.extra_ids.items()]
        return [
            f"{pair.where}: predicted ids that are no object of the video ({shorten(ids)}), "
            f"objects are {shorten([str(i) for i in result.object_ids])}; remove those ids, or "
            "score with --protocol mose, which ignores them"
        ]
    return []
