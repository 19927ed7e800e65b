"""Small pictures for the overview: the worst moment of a row, prediction beside truth."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from pvuw.draw import overlay
from pvuw.errors import DataError
from pvuw.io.mask_store import IdMap, region_of
from pvuw.io.queries import Query
from pvuw.metrics.accumulate import VideoScore
from pvuw.report.payload import worst_frame
from pvuw.report.pictures import encode_picture, read_small, reduce_id_map, reduced_size
from pvuw.report.settings import ReportSettings
from pvuw.report.sides import MaskReader, MaskSource, VideoFacts

SIDE = 144
"""Longer side of each of the pictures, pixels."""
_GAP = 3
_CLOSER = 3
"""How much of a close-up there may be: a third of the frame's length fills the picture."""
_ROOM = 1.8
"""Length of the part that is shown, times that of the objects in it."""
Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; right and bottom are not included."""


@dataclass(frozen=True)
class Thumb:
    """The worst moment of a video, an object or a sentence."""

    position: int
    """Of the frame."""
    words: str
    """What it shows, for those who cannot see it."""
    text: str
    """The picture, WebP in base64."""
    size_wh: tuple[int, int]


class Thumbs:
    """Makes the pictures of one query's rows; a frame that several rows need is read once.

    Args:
        query: The query.
        facts: What was measured of it.
        settings: What to show.
    """

    def __init__(self, query: Query, facts: VideoFacts, settings: ReportSettings) -> None:
        self._query, self._facts = query, facts
        self._size_hw = reduced_size(query.video.size_hw, SIDE)
        self._sources: list[MaskSource] = [settings.sides[0]]
        self._sides = [facts.sides[0]]
        if settings.truth is not None and facts.truth is not None:
            self._sources.append(settings.truth)
            self._sides.append(facts.truth)
        else:
            self._sources += settings.sides[1:]
            self._sides += facts.sides[1:]
        score = VideoScore(None, settings.protocol)
        self._readers = [MaskReader(source, query, score) for source in self._sources]
        self._frames: dict[int, tuple[IdMap, list[IdMap | None]]] = {}

    def of(self, object_id: int | None = None) -> Thumb | None:
        """Return the picture of one object, or of all; None if the frame cannot be read.

        The worst moment is the scored frame with the lowest J + F (`worst_frame`); where nothing is
        scored, the frame in which the prediction is largest.
        """
        position = worst_frame(self._facts, object_id)
        if position is None:
            pixels = self._facts.pixels(object_id)
            position = pixels.index(max(pixels))
        try:
            frame, maps = self._read(position)
        except DataError:
            return None  # named as a problem where the picture itself is read
        maps = [None if m is None else _only(m, object_id) for m in maps]
        box = _box([m for m in maps if m is not None], frame.shape[:2])
        shown = [self._drawn(frame, m, box) for m in maps]
        gap = np.full((self._size_hw[0], _GAP, 3), 128, np.uint8)
        picture = np.concatenate([part for one in shown for part in (gap, one)][1:], axis=1)
        labels = ", ".join(source.label for source in self._sources)
        name = self._query.video.frame_names[position]
        size_wh = picture.shape[1], picture.shape[0]
        text = encode_picture(Image.fromarray(picture))
        return Thumb(position, f"{name}: {labels}", text, size_wh)

    def _read(self, position: int) -> tuple[IdMap, list[IdMap | None]]:
        """Return a frame `[h, w, 3]` and its maps `[h, w]`, larger than what is shown of them."""
        if position not in self._frames:
            maps = [
                None if side.areas[position] is None else reader.read(position)
                for side, reader in zip(self._sides, self._readers, strict=True)
            ]
            size_hw = reduced_size(self._query.video.size_hw, _CLOSER * SIDE)
            small = [None if m is None else reduce_id_map(m, size_hw) for m in maps]
            frame = np.asarray(read_small(self._query.video, position, size_hw))
            self._frames[position] = frame, small
        return self._frames[position]

    def _drawn(self, frame: IdMap, id_map: IdMap | None, box: Box) -> IdMap:
        """Return what is in the box, drawn at the size of a thumb."""
        left, top, right, bottom = box
        cut = Image.fromarray(frame).crop(box).resize(self._size_hw[::-1])
        if id_map is None:
            return np.asarray(cut)
        return overlay(
            np.asarray(cut), reduce_id_map(id_map[top:bottom, left:right], self._size_hw)
        )


def _only(id_map: IdMap, object_id: int | None) -> IdMap:
    return id_map if object_id is None else np.where(id_map == object_id, id_map, np.uint8(0))


def _box(maps: list[IdMap], size_hw: tuple[int, int]) -> Box:
    """Return the part of the frame around what is drawn, of the frame's shape and inside of it."""
    region = region_of(np.logical_or.reduce([m > 0 for m in maps])) if maps else None
    if region is None:
        return 0, 0, size_hw[1], size_hw[0]
    low, high = region.box_xyxy[:2], region.box_xyxy[2:]
    lengths = size_hw[::-1]
    share = max((_ROOM * (b - a) / n for a, b, n in zip(low, high, lengths, strict=True)))
    share = min(1.0, max(1.0 / _CLOSER, share))
    sizes = [max(1, round(share * n)) for n in lengths]
    first = [
        min(max(0, (a + b - size) // 2), n - size)
        for a, b, size, n in zip(low, high, sizes, lengths, strict=True)
    ]
    return first[0], first[1], first[0] + sizes[0], first[1] + sizes[1]
