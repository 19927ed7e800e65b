"""Rows of the performance database from one video: scores, features and agreement together."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pvuw.ensemble.recommend.agreement import AgreementStream, compare_with
from pvuw.ensemble.recommend.database import Level, PerformanceRow
from pvuw.ensemble.recommend.features import WINDOW_FRAMES, Features, FeatureStream
from pvuw.io.mask_store import IdMap
from pvuw.metrics.accumulate import VideoResult, VideoScore
from pvuw.metrics.protocols import get_protocol


@dataclass(frozen=True)
class _Part:
    """What a row is about."""

    level: Level
    number: int
    chosen: NDArray[np.bool_]
    """Which objects and scored frames, `[N, E]`."""
    features: Features
    agreements: dict[str, float | None]
    """Of every member."""


class VideoMeter:
    """Takes a video frame by frame and gives the rows of all members.

    Args:
        members: Their names.
        data_set: Name of where the video is from.
        video_id: Name of the video.
        protocol: Rules of scoring: one of `VIDEO_PROTOCOL_NAMES`.
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
            frame: The image, RGB uint8 `[h, w, 3]` of any size; None for all frames:
                what only they can tell is not known.
        """
        self._features.update(label, frame)
        found = compare_with(label, [masks[member] for member in self._agreements])
        for stream, ious in zip(self._agreements.values(), found.ious, strict=True):
            assert ious is not None, "every member has a mask"
            stream.take(ious, found.label_ids)
        for member, score in self._scores.items():
            score.add(truth, masks[member])
        self._num_frames += 1
        if self._num_frames % WINDOW_FRAMES == 0:
            agreements = {m: stream.frame() for m, stream in self._agreements.items()}
            self._windows.append((self._features.frame(), agreements))

    def rows(self) -> list[PerformanceRow]:
        """Return one row per member for the video, each of its objects and each eight frames.

        Raises:
            ValueError: If there were too few frames for one to count.
        """
        results = {member: score.result() for member, score in self._scores.items()}
        return [
            self._row(member, result, part)
            for member, result in results.items()
            for part in self._parts(result)
        ]

    def _parts(self, result: VideoResult) -> Iterator[_Part]:
        """Yield what there are rows for."""
        streams, everything = self._agreements, np.ones(result.j.shape, dtype=np.bool_)
        agreed = {m: stream.video() for m, stream in streams.items()}
        yield _Part("video", 0, everything, self._features.video(), agreed)
        for slot, object_id in enumerate(result.object_ids):
            if object_id in self._features.object_ids:
                own = everything & (np.arange(len(everything)) == slot)[:, None]
                agreed = {m: stream.object(object_id) for m, stream in streams.items()}
                yield _Part("object", object_id, own, self._features.object(object_id), agreed)
        frame = np.array(get_protocol(self._place[1]).scored_frames(self._num_frames))
        for position, (features, agreed) in enumerate(self._windows):
            first = position * WINDOW_FRAMES
            inside = everything & ((frame >= first) & (frame < first + WINDOW_FRAMES))
            if inside.any():
                yield _Part("frame", first, inside, features, agreed)

    def _row(self, member: str, result: VideoResult, part: _Part) -> PerformanceRow:
        data_set, protocol, video_id = self._place
        known = [agreement for agreement in part.agreements.values() if agreement is not None]
        return PerformanceRow(
            *(member, data_set, protocol, video_id, part.level, part.number),
            num_frames=int(part.chosen.any(axis=0).sum()),
            j=float(result.j[part.chosen].mean()),
            f=float(result.f[part.chosen].mean()),
            features=part.features,
            agreement=part.agreements[member],
            consensus=sum(known) / len(known) if known else None,
        )
