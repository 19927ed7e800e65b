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
from pvuw.io.mask_store import NO_MASKS, IdMap, MaskStore
from pvuw.io.mask_tree import MaskTree
from pvuw.io.masks import VoidId
from pvuw.io.queries import Query
from pvuw.metrics.accumulate import VideoResult, VideoScore
from pvuw.metrics.report import ObjectRow

Series: TypeAlias = "NDArray[np.float64]"


@dataclass(frozen=True)
class MaskSource:
    """A tree of masks, `<root>/<query>/<frame>.png`, and what the page calls it."""

    label: str
    root: Path | None
    """None: the truth that a query brings along."""
    void_id: VoidId = None
    """Value of pixels without ground truth, which are read as background; see `read_mask`."""
    may_be_sparse: bool = False
    """Whether frames without a mask are usual, as in ground truth; else they are a problem."""
    may_be_resized: bool = False
    """Whether masks of another size are brought to the frame's, as an ensemble does with its
    members (nearest pixel); else they are a problem."""

    def masks(self, query: Query) -> MaskStore:
        """Return the masks of a query by frame."""
        if self.root is None:
            return query.truth or NO_MASKS
        frames = query.video.frame_names
        return MaskTree(self.root).masks(query.query_id, frames, void_id=self.void_id)

    def place(self, query: Query) -> str:
        """Return where these are, for messages."""
        if self.root is None:
            return f"{self.label} of {query.query_id}"
        return str(MaskTree(self.root).folder(query.query_id))


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
        """Every id that is scored or that any mask holds, ascending."""
        sides = [*self.sides, *([] if self.truth is None else [self.truth])]
        shown = {i for side in sides for areas in side.areas for i in areas or {}}
        scored = {i for side in sides if side.scores for i in side.scores.object_ids}
        return sorted(shown | scored)

    def pixels(self, object_id: int | None = None) -> list[int]:
        """Return pixels of an object, or of all, in prediction and truth of each frame."""
        against = self.sides[1:2] if self.truth is None else [self.truth]
        each = [side.areas for side in (self.sides[0], *against)]
        return [
            sum(a for areas in frame for i, a in (areas or {}).items() if object_id in (None, i))
            for frame in zip(*each, strict=True)
        ]


def measure_sides(
    query: Query, sides: Sequence[MaskSource], truth: MaskSource | None, protocol: str
) -> VideoFacts:
    """Return areas and scores of one query, reading each mask once and one frame at a time.

    Without truth, the first of two sides is scored as if the second one were right.

    Args:
        query: The frames of its video name the masks.
        sides: The prediction, and what to compare it with.
        truth: Ground truth; frames without are not scored.
        protocol: One of `PROTOCOL_NAMES`.

    Raises:
        DataError: If the video itself is broken.
    """
    readers = [MaskReader(source, query, VideoScore(None, protocol)) for source in sides]
    truth_reader = None if truth is None else MaskReader(truth, query, VideoScore(None, protocol))
    for position in range(len(query.video)):
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
        source: Where the masks are.
        query: The frames of its video name the masks.
        score: Takes the frames that are scored; empty. Where the target of a sentence is scored,
            all that is no background is taken for it, as id 1.
    """

    def __init__(self, source: MaskSource, query: Query, score: VideoScore) -> None:
        self.source = source
        self.query = query
        self.masks = source.masks(query)
        self._faults: list[str] = []
        self._score = score
        self._scored: list[int] = []
        self._unscorable = False
        self._missing: list[str] = []
        self._other_size: list[str] = []
        self._resized: dict[str, None] = {}
        self._areas: list[dict[int, int] | None] = []

    def read(self, position: int) -> IdMap | None:
        """Return the id map of a frame at the frame's size, or None and remember why."""
        id_map = None
        if position in self.masks:
            id_map = self._read(position)
        else:
            self._missing.append(self.query.video.frame_names[position])
        self._areas.append(None if id_map is None else _areas(id_map))
        return id_map

    def score(self, truth: IdMap | None, id_map: IdMap | None, position: int) -> None:
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
        folder, lines = self.source.place(self.query), list(self._faults)
        if self._other_size:
            lines.insert(
                0,
                f"{folder}: {len(self._other_size)} masks differ in size from their frames "
                f"({shorten(self._other_size)}); resize ids to the frame with nearest neighbour",
            )
        if self._missing and not self.source.may_be_sparse:
            lines.insert(
                0,
                f"{folder}: {len(self._missing)} of {len(self.query.video)} frames have no mask "
                f"({shorten(self._missing)}), so the video is not scored; predict every frame",
            )
        return lines

    def notes(self) -> list[str]:
        """Return a line each on resized masks, and on predicted ids that are no object."""
        height, width = self.query.video.size_hw
        lines = [
            f"{self.source.label}: masks of {size}, resized to {width}x{height}"
            for size in self._resized
        ]
        facts = self.facts()
        if facts.scores is not None and facts.scores.extra_ids:
            ids = ", ".join(map(str, facts.scores.extra_ids))
            lines.append(f"{self.source.label}: predicted ids that are no scored object: {ids}")
        return lines

    def _read(self, position: int) -> IdMap | None:
        size_hw = self.query.video.size_hw
        try:
            stored_hw = self.masks.stored_size_hw(position) or size_hw
            id_map = self.masks.id_map(position, stored_hw)
        except DataError as error:
            self._faults.append(str(error))
            return None
        if self._score.protocol.kind == "expression":
            id_map = (id_map != 0).view(np.uint8)
        if stored_hw == size_hw:
            return id_map
        (height, width), (true_height, true_width) = stored_hw, size_hw
        if self.source.may_be_resized:
            self._resized[f"{width}x{height}"] = None
            true_size = (true_width, true_height)
            resized = cv2.resize(id_map, true_size, interpolation=cv2.INTER_NEAREST_EXACT)
            return resized.astype(np.uint8, copy=False)
        name = self.query.video.frame_names[position]
        self._other_size.append(f"{name} {width}x{height} for {true_width}x{true_height}")
        return None


def _areas(id_map: IdMap) -> dict[int, int]:
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
