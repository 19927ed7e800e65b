"""What the masks of one video say: areas, J and F of every object in every frame."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from pvuw.errors import DataError
from pvuw.io.folder import shorten
from pvuw.io.masks import VoidId, read_id_map
from pvuw.io.videos import Video
from pvuw.metrics.accumulate import VideoResult, VideoScore
from pvuw.metrics.report import ObjectRow

Series: TypeAlias = "NDArray[np.float64]"


@dataclass(frozen=True)
class MaskSource:
    """A folder of masks, `<root>/<video>/<frame>.png`, and what the page calls it."""

    label: str
    root: Path
    void_id: VoidId = None
    """Value of pixels without ground truth, which are read as background; see `read_mask`."""
    may_be_sparse: bool = False
    """Whether frames without a mask are usual, as in ground truth; else they are a problem."""
    may_be_resized: bool = False
    """Whether masks of another size are brought to the frame's, as an ensemble does with its
    members (nearest pixel); else they are a problem."""

    def path(self, video: Video, position: int) -> Path:
        """Return where the mask of a frame is, if there is one."""
        return self.root / video.video_id / f"{video.frame_paths[position].stem}.png"


@dataclass
class SideFacts:
    """What one source says about a video of `T` frames."""

    label: str
    areas: list[dict[int, int] | None]
    """Pixels of each visible object in each frame; None where there is no usable mask."""
    scores: VideoResult | None = None
    """None where the video cannot be scored."""
    scored_frames: list[int] = field(default_factory=list)
    """Position of each of the result's frames."""

    def area_of(self, object_id: int) -> Series:
        """Return an object's pixels in each frame, `[T]`; NaN where there is no mask."""
        return np.array(
            [np.nan if areas is None else areas.get(object_id, 0) for areas in self.areas]
        )

    def curve(self, values: NDArray[np.float64], object_id: int) -> Series:
        """Return an object's scores in each frame, `[T]`; NaN where it is not scored.

        Args:
            values: J or F of the result, `[N, E]`.
            object_id: The object.
        """
        curve = np.full(len(self.areas), np.nan)
        if self.scores is not None and object_id in self.scores.object_ids:
            curve[self.scored_frames] = values[self.scores.object_ids.index(object_id)]
        return curve

    def boundary_scores(self) -> NDArray[np.float64]:
        """Return the F that the protocol is headed by, `[N, E]`: size-adaptive where it has one."""
        assert self.scores is not None
        adaptive = self.scores.f_adaptive
        return self.scores.f if np.isnan(adaptive).all() else adaptive

    def row(self, video_id: str, object_id: int) -> ObjectRow | None:
        """Return an object's mean scores; None if it is not scored."""
        if self.scores is None or object_id not in self.scores.object_ids:
            return None
        row = self.scores.object_ids.index(object_id)
        j, f = self.scores.j[row], self.boundary_scores()[row]
        return ObjectRow(video_id, object_id, len(j), float(j.mean()), float(f.mean()))


@dataclass
class VideoFacts:
    """What all sources say about a video."""

    sides: list[SideFacts]
    """The prediction, then what it is compared with, if anything."""
    truth: SideFacts | None
    """Ground truth; its scores stay None."""
    problems: list[str]
    """One line each: masks that are missing, unreadable or of another size."""
    notes: list[str]

    @property
    def object_ids(self) -> list[int]:
        """Every id that any mask holds, ascending."""
        sides = [*self.sides, *([] if self.truth is None else [self.truth])]
        return sorted({i for side in sides for areas in side.areas for i in areas or {}})


def measure_sides(
    video: Video, sides: Sequence[MaskSource], truth: MaskSource | None, protocol: str
) -> VideoFacts:
    """Return areas and scores of one video, reading each mask once and one frame at a time.

    Without truth, the first of two sides is scored as if the second one were right.

    Args:
        video: Its frames name the masks.
        sides: The prediction, and what to compare it with.
        truth: Ground truth; frames without are not scored.
        protocol: One of `PROTOCOL_NAMES`.

    Raises:
        DataError: If the video itself is broken.
    """
    readers = [MaskReader(source, video, VideoScore(None, protocol)) for source in sides]
    truth_reader = None if truth is None else MaskReader(truth, video, VideoScore(None, protocol))
    for position in range(len(video)):
        maps = [reader.read(position) for reader in readers]
        if truth_reader is not None:
            true_map = truth_reader.read(position)
            for reader, id_map in zip(readers, maps, strict=True):
                reader.score(true_map, id_map, position)
        elif len(readers) == 2:
            readers[0].score(maps[1], maps[0], position)
    everyone = [*readers, *([] if truth_reader is None else [truth_reader])]
    return VideoFacts(
        [reader.facts() for reader in readers],
        None if truth_reader is None else truth_reader.facts(),
        [line for reader in everyone for line in reader.problems()],
        [note for reader in readers for note in reader.notes()],
    )


class MaskReader:
    """Reads one source's masks in order and keeps a few numbers of each.

    Args:
        source: The folder.
        video: Its frames name the masks.
        score: Takes the frames that are scored; empty.
    """

    def __init__(self, source: MaskSource, video: Video, score: VideoScore) -> None:
        self.source = source
        self.video = video
        self._faults: list[str] = []
        self._score = score
        self._scored: list[int] = []
        self._unscorable = False
        self._missing: list[str] = []
        self._other_size: list[str] = []
        self._resized: dict[str, None] = {}
        self._areas: list[dict[int, int] | None] = []

    def read(self, position: int) -> NDArray[np.uint8] | None:
        """Return the id map of a frame at the frame's size, or None and remember why."""
        path = self.source.path(self.video, position)
        id_map = None
        if path.is_file():
            id_map = self._read_file(path)
        else:
            self._missing.append(path.stem)
        self._areas.append(None if id_map is None else _areas(id_map))
        return id_map

    def score(
        self, truth: NDArray[np.uint8] | None, id_map: NDArray[np.uint8] | None, position: int
    ) -> None:
        """Add a frame to the score; frames without truth are no part of it."""
        if truth is None:
            return
        if id_map is None:
            self._score.observe(truth)
            self._unscorable = True
        else:
            self._score.add(truth, id_map)
        self._scored.append(position)

    def facts(self) -> SideFacts:
        """Return what has been gathered."""
        facts = SideFacts(self.source.label, self._areas)
        if not self._unscorable and self._score.num_scored:
            result = self._score.result()
            if result.object_ids:
                counting = self._score.protocol.scored_frames(len(self._scored))
                facts.scores = result
                facts.scored_frames = [self._scored[t] for t in counting]
        return facts

    def problems(self) -> list[str]:
        """Return one line each for missing masks, masks of another size, and unreadable ones."""
        folder, lines = self.source.root / self.video.video_id, list(self._faults)
        if self._other_size:
            lines.insert(
                0,
                f"{folder}: {len(self._other_size)} masks differ in size from their frames "
                f"({shorten(self._other_size)}); resize ids to the frame with nearest neighbour",
            )
        if self._missing and not self.source.may_be_sparse:
            lines.insert(
                0,
                f"{folder}: {len(self._missing)} of {len(self.video)} frames have no mask "
                f"({shorten(self._missing)}), so the video is not scored; predict every frame",
            )
        return lines

    def notes(self) -> list[str]:
        """Return a line each on resized masks, and on predicted ids that are no object."""
        height, width = self.video.size_hw
        lines = [
            f"{self.source.label}: masks of {size}, resized to {width}x{height}"
            for size in self._resized
        ]
        facts = self.facts()
        if facts.scores is not None and facts.scores.extra_ids:
            ids = ", ".join(map(str, facts.scores.extra_ids))
            lines.append(f"{self.source.label}: predicted ids that are no scored object: {ids}")
        return lines

    def _read_file(self, path: Path) -> NDArray[np.uint8] | None:
        try:
            id_map = read_id_map(path, void_id=self.source.void_id)
        except DataError as error:
            self._faults.append(str(error))
            return None
        if id_map.shape == self.video.size_hw:
            return id_map
        (height, width), (true_height, true_width) = id_map.shape, self.video.size_hw
        if self.source.may_be_resized:
            self._resized[f"{width}x{height}"] = None
            true_size = (true_width, true_height)
            resized = cv2.resize(id_map, true_size, interpolation=cv2.INTER_NEAREST_EXACT)
            return resized.astype(np.uint8, copy=False)
        self._other_size.append(f"{path.stem} {width}x{height} for {true_width}x{true_height}")
        return None


def _areas(id_map: NDArray[np.uint8]) -> dict[int, int]:
    counts = np.bincount(id_map.ravel(), minlength=256)
    return {int(i): int(counts[i]) for i in np.flatnonzero(counts) if i}


def absences(areas: Series) -> int:
    """Return how often an object leaves and comes back, from its pixels in each frame.

    Frames without a mask do not count.

    Example:
        >>> absences(np.array([0.0, 5.0, 0.0, 0.0, 3.0, np.nan, 2.0, 0.0]))
        1
    """
    shown = areas[~np.isnan(areas)] > 0
    appearances = int(np.count_nonzero(shown[1:] & ~shown[:-1])) + int(bool(shown[:1].any()))
    return max(appearances - 1, 0)
