"""Ref-DAVIS17: the sentences of one annotator answered together, scored as unsupervised DAVIS.

Each of four annotators says one sentence of every object. The answers to one annotator's sentences
are merged into one id map a frame, whose objects are then assigned to the true ones so that J&F is
highest, over all frames. That is what the evaluation of ReferFormer and ReferDINO does, with the
official unsupervised DAVIS 2017 evaluator; the result is the mean over the four.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from pvuw.errors import DataError
from pvuw.io.mask_store import IdMap, MaskStore
from pvuw.metrics.accumulate import VideoResult
from pvuw.metrics.functional import boundary_measure, region_similarity
from pvuw.metrics.scoring import QueryReport
from pvuw.parallel import map_as_done

NUM_ANNOTATORS = 4


@dataclass(frozen=True)
class AnnotatorPair:
    """The answers to one annotator's sentences about a video, and the truth."""

    query_id: str
    """`<video>/annotator <k>`."""
    frame_names: Sequence[str]
    truth: MaskStore
    """Id maps; the objects are those up to the largest id of the first frame."""
    answers: Sequence[MaskStore | None]
    """One for each sentence, by position in `frame_names`; None: nothing was predicted."""
    where: str


def score_annotators(pairs: Sequence[AnnotatorPair], *, workers: int) -> Iterator[QueryReport]:
    """Yield the report of each annotator of each video, the longest videos first.

    Raises:
        PvuwError: If a process dies, which happens when memory runs out.
    """
    longest_first = sorted(pairs, key=lambda pair: -len(pair.frame_names))
    done = map_as_done(
        score_annotator,
        longest_first,
        workers=min(workers, len(pairs)),
        name=lambda pair: pair.query_id,
    )
    for _, report in done:
        yield report


def score_annotator(pair: AnnotatorPair) -> QueryReport:
    """Return the scores of one annotator of a video, or why there are none."""
    try:
        result = _result(pair)
    except DataError as error:
        return QueryReport(pair.query_id, list(pair.frame_names), None, [str(error)])
    return QueryReport(pair.query_id, list(pair.frame_names), result, [])


def merged(masks: Sequence[NDArray[np.bool_] | None], size_hw: tuple[int, int]) -> IdMap:
    """Return answers as one id map, uint8 `[H, W]`: `k + 1` for answer `k`, the earlier on top.

    Of binary answers the most probable one is unknown; an argmax over equal ones takes the first.

    Example:
        >>> merged([None, np.array([[True, True]]), np.array([[True, False]])], (1, 2)).tolist()
        [[2, 2]]
    """
    ids = np.zeros(size_hw, dtype=np.uint8)
    for place, mask in reversed(list(enumerate(masks, start=1))):
        if mask is not None:
            ids[mask] = place
    return ids


def _result(pair: AnnotatorPair) -> VideoResult:
    size_hw = pair.truth.stored_size_hw(0)
    assert size_hw is not None, "an id map in PNG has a size"
    first = pair.truth.id_map(0, size_hw)
    num_objects = int(first.max(initial=0))
    if not num_objects:
        raise DataError(
            f"{pair.truth.place(0)}: shows no object, so the video has nothing to score; remove "
            "the video from the truth"
        )
    num_frames, num_answers = len(pair.frame_names), max(len(pair.answers), num_objects)
    j = np.zeros((num_answers, num_objects, num_frames))
    f, visible = np.zeros_like(j), np.zeros((num_objects, num_frames), dtype=bool)
    shown = np.zeros((num_answers, num_frames), dtype=bool)
    for t in range(num_frames):
        truth = pair.truth.id_map(t, size_hw)
        ids = merged([_read(masks, t, size_hw, pair.where) for masks in pair.answers], size_hw)
        for g in range(num_objects):
            visible[g, t] = (truth == g + 1).any()
            for p in range(num_answers):
                own, answer = truth == g + 1, ids == p + 1
                shown[p, t] = answer.any()
                j[p, g, t], f[p, g, t] = (
                    region_similarity(own, answer),
                    boundary_measure(own, answer),
                )
    rows, columns = linear_sum_assignment(-(j.mean(axis=2) + f.mean(axis=2)) / 2)
    order = np.argsort(columns)
    rows, columns = rows[order], columns[order]
    return VideoResult(
        object_ids=[int(column) + 1 for column in columns],
        j=j[rows, columns],
        f=f[rows, columns],
        f_adaptive=np.full((num_objects, num_frames), np.nan),
        visible=visible,
        predicted=shown[rows],
        extra_ids={},
        unscored_ids=[],
    )


def _read(
    masks: MaskStore | None, t: int, size_hw: tuple[int, int], where: str
) -> NDArray[np.bool_] | None:
    stored = None if masks is None else masks.stored_size_hw(t)
    if masks is None or stored is None:
        return None
    if stored != size_hw:
        raise DataError(
            f"{where}: {masks.place(t)} is {stored[1]}x{stored[0]}, its truth {size_hw[1]}x"
            f"{size_hw[0]}; resize ids to the truth's size with nearest neighbour"
        )
    answer: NDArray[np.bool_] = masks.id_map(t, size_hw) != 0
    return answer
