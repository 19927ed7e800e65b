"""Masks of a video by frame, wherever they are kept: PNG files, run lengths, unions of others.

A store names files and never holds pixels, so ten thousand of them fit in memory and travel to
worker processes. Whatever reads masks of a video, be it to train, prompt, score, fuse or draw,
reads them through this interface. Imports no torch.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pvuw.errors import DataError

BoolMask = NDArray[np.bool_]
IdMap = NDArray[np.uint8]
MAX_MAP_ID = 255


class OcclusionLevel(IntEnum):
    """How much of an object other things hide, as OVIS labels it (Qi et al., 2022, section 3.2)."""

    NONE = 0
    SLIGHT = 1
    SEVERE = 2


@dataclass(frozen=True, slots=True)
class MaskQuality:
    """How far one mask can be trusted, where the source says so (BURST)."""

    is_gt: bool
    """Drawn by hand; otherwise propagated from a drawn mask."""
    score: float
    """Confidence in 0..1; 1 for a drawn mask."""


@dataclass(frozen=True, slots=True)
class Region:
    """Size and place of one visible mask, known without the pixels where the source allows it."""

    area: int
    """Pixels, at least 1."""
    box_xyxy: tuple[int, int, int, int]
    """Tight box in pixels; left and top inside, right and bottom just outside."""


class ObjectMap(NamedTuple):
    """Which object every pixel of a frame belongs to."""

    labels: NDArray[np.uint8]
    """`[H, W]`: 0 is background, `label` stands for the object `ids[label - 1]`."""
    ids: Sequence[int]
    """Object of each label."""
    void: NDArray[np.uint8] | None = None
    """1 where there is no ground truth, uint8 `[H, W]`; None where the frame has no such pixels."""


class MaskStore(ABC, Collection[int]):
    """The masks of one video by frame: small, picklable, reads one frame at a time.

    A store is the collection of the frame positions that have masks: iterate over it, ask `position
    in store`, take its `len`. Every method takes such a position and speaks of the objects visible
    there: an object that is kept as null, as a missing key, as an RLE of area zero or by having no
    pixels is left out. `size_hw` is the size of the image; masks stored at another size are resized
    to it (nearest neighbour) with a warning.
    """

    __slots__ = ()

    @abstractmethod
    def positions(self) -> Sequence[int]:
        """Return the positions of the frames that have masks, ascending."""

    @abstractmethod
    def place(self, frame_idx: int) -> str:
        """Return file and frame as messages name them."""

    @abstractmethod
    def stored_size_hw(self, frame_idx: int) -> tuple[int, int] | None:
        """Return the size the masks are stored at; None where no object is visible to have one."""

    @abstractmethod
    def masks(self, frame_idx: int, size_hw: tuple[int, int]) -> dict[int, BoolMask]:
        """Return the mask of each visible object by object id, bool `[H, W]`; they may overlap."""

    def __iter__(self) -> Iterator[int]:
        """Yield the positions of the frames that have masks, ascending."""
        return iter(self.positions())

    def __len__(self) -> int:
        """Return how many frames have masks."""
        return len(self.positions())

    def __contains__(self, position: object) -> bool:
        """Return whether a frame has masks."""
        return position in self.positions()

    def masks_of(
        self, frame_idx: int, size_hw: tuple[int, int], object_ids: Collection[int]
    ) -> dict[int, BoolMask]:
        """Return the masks of some objects, as `masks` has them; others need not be decoded."""
        wanted = set(object_ids)
        return {i: mask for i, mask in self.masks(frame_idx, size_hw).items() if i in wanted}

    def union_map(
        self, frame_idx: int, size_hw: tuple[int, int], object_ids: Collection[int]
    ) -> NDArray[np.uint8]:
        """Return 1 where one of some objects is, else 0, uint8 `[H, W]`."""
        union = np.zeros(size_hw, dtype=np.uint8)
        for mask in self.masks_of(frame_idx, size_hw, object_ids).values():
            union |= mask.view(np.uint8)
        return union

    def id_map(self, frame_idx: int, size_hw: tuple[int, int]) -> NDArray[np.uint8]:
        """Return the object id of every pixel, uint8 `[H, W]`; see `paint_id_map`."""
        return paint_id_map(self.masks(frame_idx, size_hw), size_hw)

    def slot_map(
        self, frame_idx: int, size_hw: tuple[int, int], object_ids: Sequence[int]
    ) -> NDArray[np.uint8]:
        """Return `k + 1` where `id_map` has `object_ids[k]`, else 0, uint8 `[H, W]`."""
        slots = np.zeros(MAX_MAP_ID + 1, dtype=np.uint8)
        slots[list(object_ids)] = np.arange(1, len(object_ids) + 1)
        return slots[self.id_map(frame_idx, size_hw)]

    def read(
        self, frame_idx: int, size_hw: tuple[int, int], object_ids: Sequence[int] | None = None
    ) -> ObjectMap:
        """Return where objects are, and the pixels without ground truth, in one reading.

        Args:
            frame_idx: A frame with masks.
            size_hw: Size of the image.
            object_ids: Whom to look for; others may be left out. None: all visible ones.

        Raises:
            DataError: If the masks cannot be read, or show more than 255 of the objects.
        """
        ids = self.visible_ids(frame_idx) if object_ids is None else object_ids
        if len(ids) > MAX_MAP_ID:
            raise DataError(
                f"{self.place(frame_idx)}: {len(ids)} objects in frame {frame_idx}, an id map "
                f"holds {MAX_MAP_ID}; list the video under `exclude`"
            )
        void = self.void(frame_idx, size_hw)
        labels = self.slot_map(frame_idx, size_hw, ids)
        return ObjectMap(labels, ids, None if void is None else void.view(np.uint8))

    @abstractmethod
    def visible_ids(self, frame_idx: int) -> tuple[int, ...]:
        """Return the ids of the objects visible at the size they are stored, ascending."""

    def regions(self, frame_idx: int, size_hw: tuple[int, int]) -> dict[int, Region]:
        """Return area and box of each visible object, in pixels of the image."""
        found = {i: region_of(mask) for i, mask in self.masks(frame_idx, size_hw).items()}
        return {i: region for i, region in found.items() if region is not None}

    def void(self, frame_idx: int, size_hw: tuple[int, int]) -> BoolMask | None:
        """Return pixels without ground truth, bool `[H, W]`, or None where every pixel has one."""
        del frame_idx, size_hw
        return None

    def qualities(self, frame_idx: int) -> dict[int, MaskQuality]:
        """Return the quality of each visible mask; empty where the source rates none."""
        del frame_idx
        return {}

    def occlusions(self, frame_idx: int) -> dict[int, OcclusionLevel]:
        """Return the occlusion label of each object; empty where the source labels none."""
        del frame_idx
        return {}


class NoMasks(MaskStore):
    """The masks of a video that has none."""

    __slots__ = ()

    def positions(self) -> Sequence[int]:
        """Return nothing."""
        return ()

    def place(self, frame_idx: int) -> str:
        """Refuse, as every method does that takes a frame."""
        raise ValueError(f"frame_idx must be a frame with masks, there is none, got {frame_idx}")

    def stored_size_hw(self, frame_idx: int) -> tuple[int, int] | None:
        """Refuse."""
        raise ValueError(self.place(frame_idx))

    def masks(self, frame_idx: int, size_hw: tuple[int, int]) -> dict[int, BoolMask]:
        """Refuse."""
        del size_hw
        raise ValueError(self.place(frame_idx))

    def visible_ids(self, frame_idx: int) -> tuple[int, ...]:
        """Refuse."""
        raise ValueError(self.place(frame_idx))


NO_MASKS = NoMasks()


@dataclass(frozen=True, slots=True)
class UnionMasks(MaskStore):
    """Targets that are unions of objects, as the truth of sentences is.

    A target may mean no object at all, and two may share one. What no target means is background.
    """

    objects: MaskStore
    """Where the masks of the objects are; a target has masks on the same frames."""
    targets: tuple[tuple[int, ...], ...]
    """Objects of target 1, 2, ..."""

    def positions(self) -> Sequence[int]:
        """Return the positions of the frames that have masks of objects, ascending."""
        return self.objects.positions()

    def place(self, frame_idx: int) -> str:
        """Return file and frame of the objects."""
        return self.objects.place(frame_idx)

    def stored_size_hw(self, frame_idx: int) -> tuple[int, int] | None:
        """Return the size the masks of the objects are stored at."""
        return self.objects.stored_size_hw(frame_idx)

    def masks(self, frame_idx: int, size_hw: tuple[int, int]) -> dict[int, BoolMask]:
        """Return the mask of each visible target by its number, bool `[H, W]`; they may overlap."""
        wanted = {object_id for object_ids in self.targets for object_id in object_ids}
        masks = self.objects.masks_of(frame_idx, size_hw, wanted) if wanted else {}
        found = {}
        for target, object_ids in enumerate(self.targets, start=1):
            parts = [masks[object_id] for object_id in object_ids if object_id in masks]
            if parts:
                found[target] = np.logical_or.reduce(parts)
        return found

    def id_map(self, frame_idx: int, size_hw: tuple[int, int]) -> NDArray[np.uint8]:
        """Return the target of every pixel, uint8 `[H, W]`; of several the smaller is on top."""
        if len(self.targets) == 1:
            return self.objects.union_map(frame_idx, size_hw, self.targets[0])
        return MaskStore.id_map(self, frame_idx, size_hw)

    def visible_ids(self, frame_idx: int) -> tuple[int, ...]:
        """Return the numbers of the visible targets, ascending; decodes nothing."""
        visible = set(self.objects.visible_ids(frame_idx))
        return tuple(t for t, ids in enumerate(self.targets, start=1) if visible.intersection(ids))

    def void(self, frame_idx: int, size_hw: tuple[int, int]) -> BoolMask | None:
        """Return pixels without ground truth, bool `[H, W]`, or None where every pixel has one."""
        return self.objects.void(frame_idx, size_hw)


def paint_id_map(masks: Mapping[int, BoolMask], size_hw: tuple[int, int]) -> NDArray[np.uint8]:
    """Merge masks into one id map, uint8 `[H, W]`; where they overlap the smaller object wins.

    A small thing in front of a large one is far more often right than the reverse, and painting the
    large one last would erase it. Of two equal areas the higher id wins.

    Args:
        masks: Mask of each object id, bool `[H, W]`.
        size_hw: Size of the result; also that of every mask.

    Raises:
        OverflowError: If an id is beyond 255.

    Example:
        >>> large, small = np.array([[True, True, True]]), np.array([[False, True, False]])
        >>> paint_id_map({1: small, 2: large}, (1, 3)).tolist()
        [[2, 1, 2]]
    """
    id_map = np.zeros(size_hw, dtype=np.uint8)
    for object_id in sorted(masks, key=lambda i: (-np.count_nonzero(masks[i]), i)):
        id_map[masks[object_id]] = object_id  # NumPy raises OverflowError beyond 255
    return id_map


def region_of(mask: BoolMask) -> Region | None:
    """Return area and tight box of a mask, bool `[H, W]`, or None if it has no pixels.

    Example:
        >>> region_of(np.array([[False, False], [False, True]]))
        Region(area=1, box_xyxy=(1, 1, 2, 2))
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return None
    box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    return Region(int(np.count_nonzero(mask)), box)
