"""What an ensemble's members say about one video, beside the answer that was made of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

from pvuw.ensemble.members.frame_line import frame_line
from pvuw.ensemble.record import Record, read_record
from pvuw.io.mask_store import IdMap
from pvuw.io.queries import Query
from pvuw.metrics.accumulate import VideoScore
from pvuw.report.members.followed import Band, bands
from pvuw.report.settings import Ensemble
from pvuw.report.sides import MaskReader, MaskSource, SideFacts

_LONG_SIDE = 480  # pixels: as in the record, agreement is that of thinned-out id maps
_REGIONS = 3


@dataclass
class MemberFacts:
    """What one member says about a video of `T` frames."""

    name: str
    ious: list[dict[int, float] | None]
    """IoU with the answer by object in each frame, ids put right; None: no mask."""
    side: SideFacts
    """Areas and scores of its masks as they are in its folder."""

    @property
    def silent(self) -> list[int]:
        """Frames without a mask."""
        return [position for position, areas in enumerate(self.side.areas) if areas is None]

    @property
    def agreement(self) -> float | None:
        """Mean IoU with the answer over objects and frames; None: it never speaks."""
        values = [iou for frame in self.ious if frame for iou in frame.values()]
        return float(np.mean(values)) if values else None


@dataclass
class Region:
    """Pixels in one piece on which the same members say the same against the same others."""

    answer: int
    """Id that the answer has there; 0 is background."""
    says: dict[str, int]
    """Id that each member has there."""
    first: int
    """First frame with such a piece."""
    last: int
    largest: int
    """Frame in which it is largest."""
    share: float
    """Its share of that frame."""
    box_xyxy: tuple[float, ...]
    """Where it is in that frame, as shares of width and height."""


@dataclass
class EnsembleFacts:
    """What members say about a video of `T` frames."""

    record: Record | None
    members: list[MemberFacts]
    frame_names: list[str]
    contested: list[float | None]
    """Share of each frame that members differ on; None: nothing to compare."""
    regions: list[Region]
    """The largest contested ones of the video, by how large each ever is."""
    bands: list[Band]
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """Names of the members."""
        return [member.name for member in self.members]

    @property
    def telling_frames(self) -> list[int]:
        """Frames to look at: the most contested one, and where each contested region is largest."""
        shares = [share or 0.0 for share in self.contested]
        most = max(shares, default=0.0)
        return [
            *([shares.index(most)] if most > 0 else []),
            *(region.largest for region in self.regions),
        ]


def measure_members(
    query: Query, answer: MaskSource, ensemble: Ensemble, truth: MaskSource | None, protocol: str
) -> EnsembleFacts:
    """Return who agrees with the answer where, and what each member scores, a frame at a time.

    Args:
        query: The frames of its video name the masks.
        answer: The ensemble's masks.
        ensemble: Members and records.
        truth: Ground truth; None: nothing is scored.
        protocol: One of `PROTOCOL_NAMES`.

    Raises:
        DataError: If the video's record is damaged.
    """
    record = None
    if ensemble.records is not None:
        record = read_record(ensemble.records / f"{query.query_id}.jsonl")
    readers = [_reader(source, query, protocol) for source in (answer, *ensemble.members)]
    truths = None if truth is None else _reader(truth, query, protocol)
    frames = query.video.frame_names
    gathered = _Gathered([source.label for source in ensemble.members])
    for position, frame in enumerate(frames):
        label, *maps = (reader.read(position) for reader in readers)
        if truths is not None:
            true_map = truths.read(position)
            for reader, id_map in zip(readers[1:], maps, strict=True):
                reader.score(true_map, id_map, position)
        named = zip(gathered.names, maps, strict=True)
        right = [put_right(id_map, record, name, frame) for name, id_map in named]
        gathered.add(position, label, right)
    return _facts(record, frames, gathered, readers[1:])


def put_right(
    id_map: IdMap | None, record: Record | None, member: str, frame_name: str
) -> IdMap | None:
    """Return a member's id map with exchanged ids as the ensemble used them."""
    table = None if record is None else record.id_table(member, frame_name)
    if id_map is None or table is None:
        return id_map
    return cv2.LUT(id_map, table).astype(np.uint8, copy=False)


def _reader(source: MaskSource, query: Query, protocol: str) -> MaskReader:
    return MaskReader(source, query, VideoScore(None, protocol))


def _facts(
    record: Record | None, frames: list[str], gathered: "_Gathered", readers: Sequence[MaskReader]
) -> EnsembleFacts:
    members = [
        MemberFacts(name, ious, reader.facts())
        for name, ious, reader in zip(gathered.names, gathered.ious, readers, strict=True)
    ]
    return EnsembleFacts(
        record,
        members,
        frames,
        gathered.contested,
        sorted(gathered.regions.values(), key=lambda region: -region.share)[:_REGIONS],
        bands(record, gathered.names, frames, gathered.ious),
        [line for reader in readers for line in reader.problems()],
        [line for reader in readers for line in reader.notes()],
    )


class _Gathered:
    """A few numbers of each frame; no masks are kept."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)
        self.ious: list[list[dict[int, float] | None]] = [[] for _ in names]
        self.contested: list[float | None] = []
        self.regions: dict[tuple[int, ...], Region] = {}

    def add(self, position: int, answer: IdMap | None, maps: Sequence[IdMap | None]) -> None:
        """Take the next frame, ids put right; without an answer there is nothing to compare."""
        if answer is None or all(id_map is None for id_map in maps):
            self.contested.append(None)
            for ious in self.ious:
                ious.append(None)
            return
        thin_maps = [None if id_map is None else _thin(id_map) for id_map in maps]
        line = frame_line(str(position), self.names, thin_maps, _thin(answer))
        self.contested.append(line["contested"])
        for name, ious in zip(self.names, self.ious, strict=True):
            ious.append(line["members"].get(name))
        for piece in line["regions"]:
            self._take_region(position, piece)

    def _take_region(self, position: int, piece: dict[str, Any]) -> None:
        says: dict[str, int] = piece["members"]
        key = (piece["answer"], *(says.get(name, -1) for name in self.names))
        region = self.regions.get(key)
        if region is None:
            region = Region(piece["answer"], says, position, position, position, 0.0, ())
            self.regions[key] = region
        region.last = position
        if piece["share"] > region.share:
            region.largest, region.share = position, piece["share"]
            region.box_xyxy = tuple(piece["box_xyxy"])


def _thin(id_map: IdMap) -> IdMap:
    """Return every n-th pixel, so that the longer side is at most 480."""
    step = -(-max(id_map.shape) // _LONG_SIDE)
    return id_map[step // 2 :: step, step // 2 :: step] if step > 1 else id_map
