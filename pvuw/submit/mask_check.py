"""What is wrong with single mask files of a submission. Imports no torch."""

import struct
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pvuw.errors import DataError
from pvuw.io import png
from pvuw.io.masks import image_size_hw, read_id_map

_AGAIN = "save it as an 8-bit palette PNG whose pixel values are the ids"


@dataclass(frozen=True)
class MaskTask:
    """Some consecutive masks of one query; travels to another process."""

    query_id: str
    masks: list[Path]
    frames: list[Path]
    """The image of each mask."""
    frame_size_hw: tuple[int, int] | None
    """Size of all frames where they come out of a video file; None: read each image's header."""
    object_ids: frozenset[int] | None
    """Ids the given masks name; None: any value is the target, stored in any way."""


@dataclass
class MaskFindings:
    """What came of a task."""

    query_id: str
    problems: list[str] = field(default_factory=list)
    """One line each: file, what is wrong, what to do."""
    seen_ids: set[int] = field(default_factory=set)
    """Ids of the readable masks, background left out."""


def check_masks(task: MaskTask) -> MaskFindings:
    """Return every problem of some masks, and the ids they hold."""
    findings = MaskFindings(task.query_id)
    for mask, frame in zip(task.masks, task.frames, strict=True):
        try:
            _require_content(mask)
            id_map = read_submitted_mask(mask) if task.object_ids is not None else read_id_map(mask)
            size_hw = task.frame_size_hw or image_size_hw(frame)
        except DataError as error:
            findings.problems.append(str(error))
            continue
        ids = set(np.flatnonzero(np.bincount(id_map.ravel(), minlength=256)).tolist()) - {0}
        findings.seen_ids |= ids
        findings.problems += _content_problems(mask, id_map, ids=ids, size_hw=size_hw, task=task)
    return findings


def read_submitted_mask(path: Path) -> NDArray[np.uint8]:
    """Return the ids of a mask that is stored as servers expect it, uint8 `[H, W]`.

    Raises:
        DataError: If the file is empty, damaged, or anything but an 8-bit palette PNG.
    """
    _require_content(path)
    header = png.read_header(path)
    if header.colour_type == png.GRAY:
        raise DataError(f"{path}: grayscale PNG without a palette; {_AGAIN}")
    if header.colour_type == png.PALETTE and header.depth != 8:
        raise DataError(f"{path}: palette PNG of {header.depth} bits per pixel; {_AGAIN}")
    return read_id_map(path)


def _require_content(path: Path) -> None:
    if path.is_file() and path.stat().st_size == 0:
        raise DataError(f"{path}: empty file (0 bytes); predict this frame again")


def _content_problems(
    path: Path,
    id_map: NDArray[np.uint8],
    *,
    ids: set[int],
    size_hw: tuple[int, int],
    task: MaskTask,
) -> list[str]:
    problems = []
    if id_map.shape != size_hw:
        problems.append(
            f"{path}: mask is {id_map.shape[1]}x{id_map.shape[0]}, its frame {size_hw[1]}x"
            f"{size_hw[0]}; resize ids to the frame with nearest neighbour"
        )
    if task.object_ids is None:
        return problems
    if unknown := sorted(ids - task.object_ids):
        known = ", ".join(map(str, sorted(task.object_ids))) or "none"
        problems.append(
            f"{path}: holds id {', '.join(map(str, unknown))}, but the objects of the video are "
            f"{known}; set pixels of other ids to 0"
        )
    colours = _palette_colours(path)
    if ids and max(ids) >= colours:
        problems.append(f"{path}: id {max(ids)}, but a palette of {colours} colours; {_AGAIN}")
    return problems


def _palette_colours(path: Path) -> int:
    """Return how many colours the palette of a complete PNG has."""
    content = path.read_bytes()
    position = len(png.SIGNATURE)
    while position + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, position)
        if kind == b"PLTE":
            return int(length) // 3
        position += 12 + length
    return 0
