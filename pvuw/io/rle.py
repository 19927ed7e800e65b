"""Run-length masks as JSON data sets write them, through pycocotools. Imports no torch.

Three spellings occur: a compressed string, a list of run lengths, and polygons. An object that is
not visible is null, an empty polygon list, or runs without foreground. All become an `Rle` or None.
"""

from collections.abc import Sequence
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from pvuw.errors import DataError
from pvuw.io.mask_store import BoolMask, Region

ANY_SIZE = (0, 0)
"""Stands for the size of a video that only its masks tell."""
_MAX_PIXELS = 2**28  # as of pictures
_FAR = 8


class Rle(TypedDict):
    """One mask as pycocotools takes it."""

    size: list[int]
    """Height and width."""
    counts: bytes
    """Compressed run lengths in column-major order."""


def to_rle(segmentation: Any, size_hw: tuple[int, int]) -> Rle | None:
    """Return what a JSON file says of a mask in one form, or None where there is no pixel.

    Args:
        segmentation: None; a compressed string; `{"size": [H, W], "counts": string or list}`; or a
            list of polygons `[x0, y0, x1, y1, ...]` in pixels.
        size_hw: Height and width of what the mask belongs to. `ANY_SIZE`: only `segmentation` says.

    Raises:
        ValueError: If it is none of these, its runs do not fill the mask exactly, or its `size` is
            another than `size_hw`: stretched, `[W, H]` would make noise of it.

    Example:
        >>> to_rle({"size": [2, 2], "counts": [1, 2, 1]}, (2, 2))
        {'size': [2, 2], 'counts': b'121'}
        >>> to_rle({"size": [2, 2], "counts": "4"}, (2, 2)) is None
        True
    """
    if segmentation is None:
        return None
    if isinstance(segmentation, list):
        return _from_polygons(segmentation, size_hw)
    size, counts = list(size_hw), segmentation
    if isinstance(segmentation, dict):
        size, counts = _members(segmentation, size_hw)
    _check_area(size)
    if isinstance(counts, list):
        counts = _compress(counts, size)
    elif isinstance(counts, str):
        counts = counts.encode()
    elif not isinstance(counts, bytes):
        raise ValueError(f"counts must be a string or a list, got {type(counts).__name__}")
    # pycocotools leaves pixels uninitialised where the runs stop early, so they are checked here.
    lengths = run_lengths(counts)
    if lengths.sum() != size[0] * size[1] or (lengths < 0).any():
        raise ValueError(f"runs cover {lengths.sum()} pixels of a {size[1]}x{size[0]} mask")
    return Rle(size=size, counts=counts) if lengths[1::2].any() else None


def has_pixels(segmentation: Any, size_hw: tuple[int, int], *, place: str) -> bool:
    """Return whether a mask has foreground, fast: runs are not checked as `checked_rle` does.

    Args:
        segmentation: As for `to_rle`.
        size_hw: As for `to_rle`; matters for polygons only.
        place: File, object and frame, for errors.

    Raises:
        DataError: If it is no mask.

    Example:
        >>> has_pixels({"counts": "121"}, (2, 2), place="a.json")
        True
        >>> has_pixels({"counts": [4]}, (2, 2), place="a.json")
        False
    """
    counts = segmentation.get("counts") if isinstance(segmentation, dict) else segmentation
    # pycocotools reads, and writes, beyond a string whose last number is not complete or that C
    # takes for shorter than it is.
    if isinstance(counts, str) and _is_complete(counts):
        # The area needs no size.
        return bool(coco_mask.area({"size": [1, 1], "counts": counts.encode()}) > 0)
    if isinstance(segmentation, dict) and isinstance(counts, list):
        return any(counts[1::2])
    return checked_rle(segmentation, size_hw, place=place) is not None


def decode(rle: Rle) -> BoolMask:
    """Return the mask, bool `[H, W]`, in column-major order as the runs are.

    Only the columns the object touches are expanded. pycocotools' own `decode` gives the same
    pixels and takes several times as long on a large frame.

    Example:
        >>> decode({"size": [2, 2], "counts": b"121"}).tolist()
        [[False, True], [True, False]]
    """
    height, width = rle["size"]
    mask = np.zeros((width, height), dtype=np.bool_)
    left, columns = filled_columns(rle)
    mask[left : left + len(columns)] = columns
    return mask.T


def encode(mask: BoolMask) -> Rle:
    """Return a mask, bool `[H, W]`, as compressed runs.

    Example:
        >>> encode(np.array([[False, True], [True, False]]))
        {'size': [2, 2], 'counts': b'121'}
    """
    rle = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    return Rle(size=[int(n) for n in rle["size"]], counts=rle["counts"])


def measure(rle: Rle) -> Region:
    """Return area and tight box of a mask with pixels, without decoding it.

    Example:
        >>> measure({"size": [2, 2], "counts": b"121"})
        Region(area=2, box_xyxy=(0, 0, 2, 2))
    """
    left, top, width, height = (round(float(x)) for x in coco_mask.toBbox(rle))
    return Region(int(coco_mask.area(rle)), (left, top, left + width, top + height))


def run_lengths(counts: bytes) -> NDArray[np.int64]:
    """Return the run lengths of a compressed string, background first, int64 `[runs]`.

    The string holds numbers in groups of five bits, least significant first, each character being
    the group plus 48, plus 32 if another group follows. From the fourth number on they are
    differences to the run two before.

    Raises:
        ValueError: If the string is no such encoding.

    Example:
        >>> run_lengths(b"121").tolist()
        [1, 2, 1]
    """
    codes = np.frombuffer(counts, dtype=np.uint8).astype(np.int64) - 48
    if not codes.size or codes.min() < 0 or codes.max() > 63 or codes[-1] & 32:
        raise ValueError("counts are not a complete compressed run-length string")
    ends = np.flatnonzero((codes & 32) == 0)
    starts = np.concatenate(([0], ends[:-1] + 1))
    shift = 5 * (np.arange(codes.size) - np.repeat(starts, ends - starts + 1))
    if shift.max() > 30:
        raise ValueError("counts hold a run longer than any image")
    values = np.add.reduceat((codes & 31) << shift, starts)
    values -= np.where(codes[ends] & 16, np.int64(32) << shift[ends], 0)
    values[2::2] = np.cumsum(values[2::2])
    values[1::2] = np.cumsum(values[1::2])
    return values


def checked_rle(segmentation: Any, size_hw: tuple[int, int], *, place: str) -> Rle | None:
    """Return `to_rle`, with `place` (file, object, frame) named where that fails.

    Raises:
        DataError: If the mask is malformed.
    """
    try:
        return to_rle(segmentation, size_hw)
    except ValueError as error:
        raise DataError(f"{place}: damaged mask, {error}; download the file again") from error


def filled_columns(rle: Rle) -> tuple[int, BoolMask]:
    """Return the first column an object touches and its columns up to the last, bool `[w, H]`."""
    height = rle["size"][0]
    lengths = run_lengths(rle["counts"])
    if len(lengths) < 2:
        return 0, np.zeros((0, height), dtype=np.bool_)
    ends = np.cumsum(lengths)
    last = len(lengths) - 1 - len(lengths) % 2  # the last run of foreground has an odd position
    left, right = int(ends[0]) // height, -(-int(ends[last]) // height)
    runs = np.append(lengths[: last + 1], right * height - ends[last])
    runs[0] -= left * height
    pixels = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return left, pixels.reshape(right - left, height)


def _members(segmentation: dict[str, Any], size_hw: tuple[int, int]) -> tuple[list[int], Any]:
    if "counts" not in segmentation:
        raise ValueError("it has no `counts`")
    size = segmentation.get("size", list(size_hw))
    if not _are_whole(size) or len(size) != 2:
        raise ValueError(f"`size` must be [height, width], got {size}")
    if size_hw != ANY_SIZE and tuple(size) != size_hw:
        why = "they are swapped" if size[::-1] == list(size_hw) else "it is of another frame"
        raise ValueError(f"`size` is {size}, height and width of its video {list(size_hw)}: {why}")
    return size, segmentation["counts"]


def _are_whole(values: Any) -> bool:
    """Return whether this is a list of whole numbers from 0 on."""
    return isinstance(values, list) and all(type(n) is int and n >= 0 for n in values)


def _is_complete(counts: str) -> bool:
    return counts.isascii() and "\0" not in counts and bool(counts) and not _goes_on(counts[-1])


def _goes_on(character: str) -> bool:
    return bool((ord(character) - 48) & 32)


def _compress(counts: list[int], size: list[int]) -> bytes:
    if not _are_whole(counts):
        raise ValueError("counts must be whole numbers")
    if sum(counts) != size[0] * size[1]:
        raise ValueError(f"runs cover {sum(counts)} pixels of a {size[1]}x{size[0]} mask")
    compressed: bytes = coco_mask.frPyObjects({"size": size, "counts": counts}, *size)["counts"]
    return compressed


def _check_area(size: Sequence[int]) -> None:
    if not 0 < size[0] * size[1] <= _MAX_PIXELS:
        raise ValueError(f"its size is {size[1]}x{size[0]}")


def _from_polygons(polygons: list[Any], size_hw: tuple[int, int]) -> Rle | None:
    for polygon in polygons:
        if not isinstance(polygon, list) or len(polygon) % 2:
            raise ValueError("a polygon must be a list of x and y in turn")
        # Far corners would cost memory without end; this also refuses NaN and what is no number.
        if not all(type(x) in (int, float) and abs(x) <= _FAR * max(size_hw) for x in polygon):
            raise ValueError("a polygon has a corner far outside of the frame")
    # Fewer than three corners enclose nothing; pycocotools would take four numbers for a box.
    outlines = [polygon for polygon in polygons if len(polygon) >= 6]
    if not outlines:
        return None
    _check_area(size_hw)
    merged = coco_mask.merge(coco_mask.frPyObjects(outlines, *size_hw))
    rle = Rle(size=[int(n) for n in merged["size"]], counts=merged["counts"])
    return rle if coco_mask.area(rle) else None
