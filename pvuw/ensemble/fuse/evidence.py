"""What a first look at a whole video says about its members; constant memory."""

import math
from collections.abc import Mapping, Sequence
from typing import Protocol

import cv2
import numpy as np

from pvuw.ensemble.fuse.combinations import Combinations, combine
from pvuw.ensemble.fuse.pixels import Compared, compare
from pvuw.ensemble.fuse.spool import Spool, pack
from pvuw.ensemble.fuse.track_table import TrackCounter, bin_of
from pvuw.ensemble.fuse.tracks import Matching, match_tracks
from pvuw.io.mask_store import IdMap
from pvuw.io.prefetch import prefetch

LONG_SIDE = 480
"""Pixels that larger id maps are thinned out to where only agreement is asked."""


class Frames(Protocol):
    """One video's id maps of all members, frame by frame, such as `MemberFrames`."""

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of every id map."""

    def __len__(self) -> int:
        """Return the number of frames."""

    def read(self, position: int) -> list[IdMap | None]:
        """Return each member's id map, uint8 `[H, W]`; None: no mask."""

    def read_member(self, position: int, member: int) -> IdMap | None:
        """Return the id map of one member."""


class Evidence:
    """Members of one video with their ids put right by whole tracks.

    Making it reads every id map once and keeps a few numbers per frame and object, of longer videos
    per stretch of time (`MAX_BINS`), and thinned-out id maps in a temporary file.

    Args:
        frames: The video.
        weights: Votes of each member, `M`.
    """

    def __init__(self, frames: Frames, weights: Sequence[float]) -> None:
        self.frames = frames
        self.weights = list(weights)
        self._step = max(1, math.ceil(max(frames.size_hw) / LONG_SIDE))
        height, width = (len(range(self._step // 2, s, self._step)) for s in frames.size_hw)
        self._thin = Spool((height, width))
        counter = TrackCounter(len(frames), len(weights))
        for position, (found, packed) in enumerate(
            prefetch(self._first_look, len(frames), depth=2, threads=2)
        ):
            self._thin.add(packed)
            if found is not None:
                counter.add(position, found)
        self.matching: Matching = match_tracks(counter.table(), weights)
        # One frame is asked for several times in a row.
        self._latest: tuple[int, list[IdMap | None]] = (-1, [])

    @property
    def object_ids(self) -> list[int]:
        """Ids that any member shows, ascending, length `K`."""
        return self.matching.table.object_ids

    def bin_of(self, position: int) -> int:
        """Return the stretch of time of a frame."""
        return bin_of(position, len(self.frames))

    def read(self, position: int) -> list[IdMap | None]:
        """Return each member's id map with its ids put right."""
        latest = self._latest
        if latest[0] == position:
            return list(latest[1])
        found = enumerate(self.frames.read(position))
        maps = [self._put_right(id_map, position, member) for member, id_map in found]
        self._latest = (position, maps)
        return list(maps)

    def read_member(self, position: int, member: int) -> IdMap | None:
        """Return the id map of one member with its ids put right."""
        return self._put_right(self.frames.read_member(position, member), position, member)

    def read_thin(self, position: int) -> list[IdMap | None]:
        """Return each member's id map with its ids put right, thinned out to 480 pixels."""
        found = enumerate(self._thin.read(position))
        return [self._put_right(id_map, position, member) for member, id_map in found]

    def compare(self, position: int) -> Compared:
        """Return where members differ, ids put right."""
        return compare(self.read(position), size_hw=self.frames.size_hw)

    def compare_thin(self, position: int) -> Compared:
        """Return where members differ, ids put right, thinned out to 480 pixels."""
        return compare(self.read_thin(position), size_hw=self._thin.size_hw)

    def thin(self, id_map: IdMap | None) -> IdMap | None:
        """Return every n-th pixel of an id map, so that its longer side is at most 480."""
        if id_map is None or self._step == 1:
            return id_map
        first = self._step // 2
        return np.ascontiguousarray(id_map[first :: self._step, first :: self._step])

    def real_id(self, position: int, member: int, object_id: int) -> int:
        """Return which object a member's id means in a frame."""
        table = self.matching.id_table(position, member, num_frames=len(self.frames))
        return object_id if table is None else int(table[object_id])

    def _first_look(self, position: int) -> tuple[Combinations | None, list[bytes | None]]:
        maps = [self.thin(id_map) for id_map in self.frames.read(position)]
        packed = pack(maps)
        return None if all(id_map is None for id_map in maps) else combine(maps), packed

    def _put_right(self, id_map: IdMap | None, position: int, member: int) -> IdMap | None:
        table = self.matching.id_table(position, member, num_frames=len(self.frames))
        if id_map is None or table is None:
            return id_map
        return cv2.LUT(id_map, table).astype(np.uint8, copy=False)


class Confidences(Protocol):
    """What members themselves think of their masks."""

    def of_frame(self, position: int) -> list[Mapping[int, float | None]]:
        """Return each member's confidence by its own ids, 0..1; None: no opinion on the object."""
