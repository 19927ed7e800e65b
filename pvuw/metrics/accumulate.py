"""The score of one video, gathered frame by frame."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pvuw.metrics.functional import ObjectScore
from pvuw.metrics.protocols import get_protocol


@dataclass(frozen=True)
class VideoResult:
    """J and F of the `N` objects of a video in its `E` scored frames."""

    object_ids: list[int]
    """File id of each object, ascending unless they were named in another order."""
    j: NDArray[np.float64]
    """Region similarity, `[N, E]`."""
    f: NDArray[np.float64]
    """Boundary measure, `[N, E]`."""
    f_adaptive: NDArray[np.float64]
    """MOSEv2's size-adaptive boundary measure, `[N, E]`; NaN under the other protocols."""
    visible: NDArray[np.bool_]
    """Whether the truth shows the object, `[N, E]`."""
    predicted: NDArray[np.bool_]
    """Whether the prediction shows the object, `[N, E]`."""
    extra_ids: dict[int, int]
    """Predicted ids that are no object of the video, and in how many scored frames each is."""
    unscored_ids: list[int]
    """Ids of the truth that the protocol leaves out, such as objects that enter late."""

    @property
    def object_j(self) -> NDArray[np.float64]:
        """Mean J of each object, `[N]`."""
        return np.asarray(self.j.mean(axis=1))

    @property
    def object_f(self) -> NDArray[np.float64]:
        """Mean F of each object, `[N]`."""
        return np.asarray(self.f.mean(axis=1))


class VideoScore:
    """Scores the frames of one video as they come; keeps a few numbers per frame and object.

    Args:
        object_ids: Whom to score; None: whom the protocol says, judged by the truth.
        protocol: One of `PROTOCOL_NAMES`.

    Raises:
        ValueError: If there is no such protocol.

    Example:
        >>> truth = np.zeros((20, 20), dtype=np.uint8)
        >>> truth[5:10, 5:10] = 2
        >>> score = VideoScore(None, "mose")
        >>> for prediction in (truth, truth, np.zeros_like(truth), truth):
        ...     score.add(truth, prediction)
        >>> result = score.result()
        >>> result.object_ids, result.j.tolist(), result.object_f.tolist()
        ([2], [[1.0, 0.0]], [0.5])
    """

    def __init__(self, object_ids: Sequence[int] | None, protocol: str) -> None:
        self.protocol = get_protocol(protocol)
        self._named_ids = None if object_ids is None else list(object_ids)
        self._first_ids: set[int] = set()
        self._truth_ids: set[int] = set()
        self._frames: list[dict[int, ObjectScore] | None] = []

    def add(self, truth: NDArray[np.uint8], prediction: NDArray[np.uint8]) -> None:
        """Score the next frame of the video; all frames come, in order, first and last included.

        Args:
            truth: Id map, uint8 `[H, W]`; pixels without ground truth must be 0.
            prediction: Id map, uint8 `[H, W]`.

        Raises:
            ValueError: If the two differ in size or are no id maps.
        """
        if len(self._frames) < self.protocol.unscored_ends:
            self.observe(truth)
            return
        scores = self.protocol.measure(truth, prediction)
        self._take_ids({i for i, score in scores.items() if score.truth_area})
        self._frames.append(scores)

    def observe(self, truth: NDArray[np.uint8]) -> None:
        """Take the next frame without scoring it; its truth tells of objects all the same.

        Args:
            truth: Id map, uint8 `[H, W]`.
        """
        ids = set(np.flatnonzero(np.bincount(truth.ravel(), minlength=256)).tolist())
        self._take_ids(ids - {0})
        self._frames.append(None)

    @property
    def num_scored(self) -> int:
        """Frames the result will cover if no other follows."""
        return len(self._scored())

    def result(self) -> VideoResult:
        """Return the scores of the frames that count (`Protocol.scored_frames`).

        Raises:
            ValueError: If there is no such frame.
        """
        frames = self._scored()
        if not frames:
            raise ValueError(self.protocol.nothing_to_score(len(self._frames)))
        ids = self._object_ids()
        absent = self.protocol.absent
        # One number per column of ObjectScore, [N, E, 5].
        scores = np.array([[frame.get(i, absent) for frame in frames] for i in ids], dtype=float)
        scores = scores.reshape(len(ids), len(frames), len(absent))
        return VideoResult(
            object_ids=ids,
            j=scores[..., 0].copy(),
            f=scores[..., 1].copy(),
            f_adaptive=scores[..., 2].copy(),
            visible=scores[..., 3] > 0,
            predicted=scores[..., 4] > 0,
            extra_ids=_count_extra_ids(frames, ids),
            unscored_ids=sorted(self._truth_ids - set(ids)),
        )

    def _scored(self) -> list[dict[int, ObjectScore]]:
        counting = self.protocol.scored_frames(len(self._frames))
        return [scores for t in counting if (scores := self._frames[t]) is not None]

    def _take_ids(self, truth_ids: set[int]) -> None:
        if not self._frames:
            self._first_ids = truth_ids
        self._truth_ids |= truth_ids

    def _object_ids(self) -> list[int]:
        if self._named_ids is not None:
            return self._named_ids
        return self.protocol.select_objects(self._first_ids, self._truth_ids)


def _count_extra_ids(
    frames: Sequence[dict[int, ObjectScore]], object_ids: Sequence[int]
) -> dict[int, int]:
    known = set(object_ids)
    counts = Counter(
        object_id
        for frame in frames
        for object_id, score in frame.items()
        if score.predicted_area and object_id not in known
    )
    return dict(sorted(counts.items()))


def clip_means(
    values: NDArray[np.float64], visible: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the means over each object's disappearances and over its returns (MOSEv2).

    A clip is a longest run of frames in which the truth does not change between showing the object
    and not showing it. The first clip never counts. Every later one counts as one value, its mean:
    the hidden ones as disappearances, the shown ones as returns.

    Args:
        values: Score of each object in each frame, `[N, E]`.
        visible: Whether the truth shows it there, `[N, E]`.

    Returns:
        Mean over disappearances and mean over returns, `[N]` each; NaN for an object without any.

    Example:
        >>> values = np.array([[0.9, 0.5, 0.7, 0.1, 0.2]])
        >>> visible = np.array([[True, False, False, True, True]])
        >>> [mean.round(2).tolist() for mean in clip_means(values, visible)]
        [[0.6], [0.15]]
    """
    hidden_means = np.full(len(values), np.nan)
    return_means = np.full(len(values), np.nan)
    for row, (scores, shown) in enumerate(zip(values, visible, strict=True)):
        changes = np.flatnonzero(shown[1:] != shown[:-1]) + 1
        later_clips = [float(clip.mean()) for clip in np.split(scores, changes)[1:]]
        # Clips alternate, so that every second one is of the kind the second clip is.
        second, third = later_clips[::2], later_clips[1::2]
        hidden, back = (second, third) if shown[0] else (third, second)
        if hidden:
            hidden_means[row] = np.mean(hidden)
        if back:
            return_means[row] = np.mean(back)
    return hidden_means, return_means
