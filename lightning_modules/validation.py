"""What validation keeps count of: scores of sets and kinds of objects, gain, and time."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from pvuw.errors import DataError
from pvuw.inference.lockstep import SizeOf
from pvuw.io.prefetch import behind
from pvuw.metrics.accumulate import VideoScore
from pvuw.metrics.buckets import BUCKETS, ObjectBuckets
from pvuw.metrics.jf import JAndF
from pvuw.types import FramePrediction, FrameWriter, ScoredQuery


def at_most(network_size: SizeOf) -> SizeOf:
    """A network's size of a frame where that has fewer pixels, the frame's own size elsewhere.

    Example:
        >>> smaller = at_most(lambda size_hw: (1024, 1024))
        >>> smaller((1080, 1920)), smaller((480, 854))
        ((1024, 1024), (480, 854))
    """

    def size_of(size_hw: tuple[int, int]) -> tuple[int, int]:
        return min(size_hw, network_size(size_hw), key=lambda size: size[0] * size[1])

    return size_of


@dataclass(frozen=True)
class Scorer:
    """Scores queries against their truth while their frames are predicted; a `FrameSink`."""

    protocol: str
    """Whose definition of J and F, and of which objects count."""
    data_set: str
    """Name of the set the queries belong to."""
    take: Callable[[ScoredQuery], None]
    """Told each score when the query's last frame is there and every other sink is done with it."""

    @contextmanager
    def open(self, query_id: str, num_frames: int) -> Iterator[FrameWriter]:
        """Score the frames of a query.

        Raises:
            DataError: If a frame has no ground truth, or if there are too few frames to score.
        """
        score, buckets = VideoScore(None, self.protocol), ObjectBuckets()

        def add(frame: FramePrediction) -> None:
            assert frame.truth is not None
            truth = frame.truth.numpy()
            score.add(truth, frame.id_map.numpy())
            buckets.update(truth)

        # Scoring a frame takes as long as predicting one; it must not keep the network waiting.
        with behind(add) as follow:

            def write(frame: FramePrediction) -> None:
                if frame.truth is None:
                    raise DataError(
                        f"video {query_id}: frame {frame.frame_name} has no ground truth; "
                        "validation needs it for every frame"
                    )
                follow(frame)

            yield write
        if not score.protocol.scored_frames(num_frames):
            raise DataError(
                f"video {query_id}: {score.protocol.nothing_to_score(num_frames)}; take it off the "
                "validation list"
            )
        result = score.result()
        scored = ScoredQuery(
            data_set=self.data_set,
            query_id=query_id,
            num_frames=num_frames,
            object_ids=result.object_ids,
            j=result.object_j.tolist(),
            f=result.object_f.tolist(),
            buckets=[buckets.of(object_id) for object_id in result.object_ids],
        )
        self.take(scored)


def names_of_sets(loaders: object) -> list[str]:
    """Names of the data sets that a trainer's loaders are of; one empty name where it has one."""
    return list(loaders) if isinstance(loaders, Mapping) else [""]


def metric_for(data_sets: Iterable[str]) -> JAndF:
    """A metric over all objects, those of each named set, and those of each bucket."""
    sets = [f"{name}/" for name in data_sets if name]
    return JAndF([*sets, *(f"{bucket}_" for bucket in BUCKETS)])


def add_score(metric: JAndF, scored: ScoredQuery) -> None:
    """Count the objects of a query."""
    own = [f"{scored.data_set}/"] if scored.data_set else []
    groups = [[*own, *(f"{bucket}_" for bucket in found)] for found in scored.buckets]
    metric.update(_column(scored.j), _column(scored.f), groups)


def _column(values: list[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


class ValidationClock:
    """Measures what validation costs: the last time, and as a share of the whole run."""

    def __init__(self) -> None:
        self._run_start: float | None = None
        self._start = 0.0
        self._spent = 0.0

    def start_run(self) -> None:
        """Begin the run whose share is measured."""
        self._run_start, self._spent = time.perf_counter(), 0.0

    def start(self) -> None:
        """Begin a validation."""
        self._start = time.perf_counter()

    def stop(self) -> dict[str, float]:
        """Seconds of this validation; within a fit also `time_share`, of all of them in the run."""
        now = time.perf_counter()
        self._spent += now - self._start
        values = {"seconds": now - self._start}
        if self._run_start is not None:
            values["time_share"] = self._spent / (now - self._run_start)
        return values
