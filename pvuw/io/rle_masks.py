"""Masks of a video kept as runs: read one frame at a time, decoded no more than needed."""

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pvuw.io.mask_store import BoolMask, MaskStore, Region, paint_id_map
from pvuw.io.masks import fit_mask
from pvuw.io.rle import Rle, decode, encode, filled_columns, measure


class RleMasks(MaskStore):
    """Masks of a video kept as runs; a subclass says where the runs of a frame are."""

    __slots__ = ()

    @abstractmethod
    def rles(self, frame_idx: int) -> dict[int, Rle]:
        """Return the runs of each object visible in a frame, by ascending object id."""

    def stored_size_hw(self, frame_idx: int) -> tuple[int, int] | None:
        """Return the size that the runs of a visible object fill; None where there is none."""
        sizes = [rle["size"] for rle in self.rles(frame_idx).values()]
        return (sizes[0][0], sizes[0][1]) if sizes else None

    def masks(self, frame_idx: int, size_hw: tuple[int, int]) -> dict[int, BoolMask]:
        """Return the mask of each visible object by object id, bool `[H, W]`; they may overlap."""
        return self._decoded(self.rles(frame_idx), frame_idx, size_hw)

    def masks_of(
        self, frame_idx: int, size_hw: tuple[int, int], object_ids: Collection[int]
    ) -> dict[int, BoolMask]:
        """Return the masks of some objects; no other is decoded."""
        rles = {i: rle for i, rle in self.rles(frame_idx).items() if i in object_ids}
        return self._decoded(rles, frame_idx, size_hw)

    def _decoded(
        self, rles: Mapping[int, Rle], frame_idx: int, size_hw: tuple[int, int]
    ) -> dict[int, BoolMask]:
        masks = {}
        for object_id, rle in rles.items():
            mask = decode(rle)
            if mask.shape != size_hw:
                mask = fit_mask(mask, size_hw, place=self.place(frame_idx))
                if not mask.any():  # a few pixels can fall between those of a smaller image
                    continue
            masks[object_id] = mask
        return masks

    def union_map(
        self, frame_idx: int, size_hw: tuple[int, int], object_ids: Collection[int]
    ) -> NDArray[np.uint8]:
        """Return 1 where one of some objects is, else 0, uint8 `[H, W]`."""
        rles = {i: rle for i, rle in self.rles(frame_idx).items() if i in object_ids}
        if any(tuple(rle["size"]) != size_hw for rle in rles.values()):
            return super().union_map(frame_idx, size_hw, object_ids)
        return paint_rles(rles, size_hw, values=dict.fromkeys(rles, 1))

    def id_map(self, frame_idx: int, size_hw: tuple[int, int]) -> NDArray[np.uint8]:
        """Return the object id of every pixel, uint8 `[H, W]`; smaller objects are on top."""
        rles = self.rles(frame_idx)
        if any(tuple(rle["size"]) != size_hw for rle in rles.values()):
            return paint_id_map(self.masks(frame_idx, size_hw), size_hw)
        return paint_rles(rles, size_hw, values={object_id: object_id for object_id in rles})

    def slot_map(
        self, frame_idx: int, size_hw: tuple[int, int], object_ids: Sequence[int]
    ) -> NDArray[np.uint8]:
        """Return `k + 1` where object `object_ids[k]` is on top, 0 elsewhere, uint8 `[H, W]`."""
        rles = self.rles(frame_idx)
        if any(tuple(rle["size"]) != size_hw for rle in rles.values()):
            # Which object is smaller is known at the size of the image only.
            masks = self.masks(frame_idx, size_hw)
            rles = {object_id: encode(mask) for object_id, mask in masks.items()}
        values = {object_id: slot for slot, object_id in enumerate(object_ids, start=1)}
        return paint_rles(rles, size_hw, values=values)

    def visible_ids(self, frame_idx: int) -> tuple[int, ...]:
        """Return the ids of the visible objects, ascending; decodes nothing."""
        return tuple(self.rles(frame_idx))

    def regions(self, frame_idx: int, size_hw: tuple[int, int]) -> dict[int, Region]:
        """Return area and box of each visible object; decodes only where sizes differ."""
        rles = self.rles(frame_idx)
        if all(tuple(rle["size"]) == size_hw for rle in rles.values()):
            return {object_id: measure(rle) for object_id, rle in rles.items()}
        return super().regions(frame_idx, size_hw)


def paint_rles(
    rles: Mapping[int, Rle], size_hw: tuple[int, int], *, values: Mapping[int, int]
) -> NDArray[np.uint8]:
    """Return a value for every pixel, uint8 `[H, W]`: that of the smallest object there, else 0.

    Of two equal areas the higher id is on top. An object without a value is decoded only where
    one with a value lies under its box.

    Args:
        rles: Runs of each object, all of size `size_hw`.
        size_hw: Size of the result.
        values: What to write for an object; 0 for those not named.

    Raises:
        OverflowError: If a value is beyond 255.

    Example:
        >>> pair = {"size": [1, 3], "counts": b"03"}, {"size": [1, 3], "counts": b"111"}
        >>> paint_rles(dict(enumerate(pair)), (1, 3), values={0: 9}).tolist()
        [[9, 0, 9]]
    """
    painted = np.zeros(size_hw, dtype=np.uint8)
    regions = {object_id: measure(rle) for object_id, rle in rles.items()}
    for object_id in sorted(regions, key=lambda i: (-regions[i].area, i)):
        value = values.get(object_id, 0)
        left, top, right, bottom = regions[object_id].box_xyxy
        box = painted[top:bottom, left:right]
        if value or box.any():
            # Painting the box only is several times faster: most objects are small.
            _, columns = filled_columns(rles[object_id])
            box[columns[:, top:bottom].T] = value
    return painted
