"""Rows of the performance database from one video: scores, features and agreement together."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pvuw.ensemble.agreement import AgreementStream
from pvuw.ensemble.database import Level, PerformanceRow
from pvuw.ensemble.features import WINDOW_FRAMES, Features, FeatureStream
from pvuw.metrics.accumulate import VideoResult, VideoScore

IdMap = NDArray[np.uint8]


class VideoMeter:
    """Takes a video frame by frame and gives the rows of all members.

    Args:
        members: Their names.
        data_set: Name of where the video is from.
        video_id: Name of the video.
        protocol: Rules of scoring: `davis2017`, `mose` or `mosev2`.
    """

    def __init__(
        self, members: Sequence[str], *, data_set: str, video_id: str, protocol: str
    ) -> None:
        self._place = (data_set, protocol, video_id)
        self._features = FeatureStream()
        self._agreements = {member: AgreementStream() for member in members}
        self._scores = {member: VideoScore(None, protocol) for member in members}
        self._windows: list[tuple[Features, dict[str, float | None]]] = []
        self._num_frames = 0

    def update(
        self,
        truth: IdMap,
        label: IdMap,
        masks: Mapping[str, IdMap],
        *,
        frame: NDArray[np.uint8] | None = None,
    ) -> None:
        """Take the next frame.

        Args:
            truth: Id map, uint8 `[H, W]`, void pixels 0.
            label: Pseudo-label of the same size.
            masks: Id map of each member, of the same size.
            frame: The image, RGB uint8 `[h, w, 3]` of any size; None: features of the scene stay 0.
        """
        self._features.update(label, frame)
        for member, score in self._scores.items():
            self._agreements[member].update(label, masks[member])
            score.add(truth, masks[member])
        self._num_frames += 1
        if self._num_frames % WINDOW_FRAMES == 0:
            agreements = {m: stream.frame() for m, stream in self._agreements.items()}
            self._windows.append((self._features.frame(), agreements))

    def rows(self) -> list[PerformanceRow]:
        """Return one row per member for the video, each of its objects and each eight frames.

        Raises:
            ValueError: If there were fewer than three frames: the first and the last never count.
        """
        return [
            row
            for member, score in self._scores.items()
            for row in self._rows_of(member, score.result())
        ]

    def _rows_of(self, member: str, result: VideoResult) -> Iterator[PerformanceRow]:
        agreement = self._agreements[member]
        whole = np.ones(result.j.shape, dtype=np.bool_)
        features = self._features
        yield self._row(member, "video", 0, result, whole, features.video(), agreement.video())
        for position, object_id in enumerate(result.object_ids):
            if object_id in features.object_ids:
                chosen = whole & (np.arange(len(whole)) == position)[:, None]
                seen, agreed = features.object(object_id), agreement.object(object_id)
                yield self._row(member, "object", object_id, result, chosen, seen, agreed)
        # The first frame is not scored: column e of the scores is frame e + 1.
        frame = np.arange(result.j.shape[1]) + 1
        for position, (seen, agreements) in enumerate(self._windows):
            first = position * WINDOW_FRAMES
            chosen = whole & ((frame >= first) & (frame < first + WINDOW_FRAMES))
            if chosen.any():
                yield self._row(member, "frame", first, result, chosen, seen, agreements[member])

    def _row(
        self,
        member: str,
        level: Level,
        part: int,
        result: VideoResult,
        chosen: NDArray[np.bool_],
        features: Features,
        agreement: float | None,
    ) -> PerformanceRow:
        data_set, protocol, video_id = self._place
        return PerformanceRow(
            *(member, data_set, protocol, video_id, level, part),
            num_frames=int(chosen.any(axis=0).sum()),
            j=float(result.j[chosen].mean()),
            f=float(result.f[chosen].mean()),
            features=features,
            agreement=agreement,
        )
