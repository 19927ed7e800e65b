"""Frames of a source as JPEGs of a build: linked as they are, or encoded anew."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pvuw.errors import DataError, PvuwError
from pvuw.io.pictures import PictureHeader, read_header, read_picture
from pvuw.io.records import VideoRecord
from pvuw.mose_plus.build.build_config import ENCODE, LINK, BuildConfig
from pvuw.mose_plus.build.manifest import frame_name

_JPEG_END, _SCAN_START = b"\xff\xd9", b"\xff\xda"


def write_frames(record: VideoRecord, folder: Path, config: BuildConfig) -> int:
    """Put the annotated frames of a video into a folder as 00000.jpg, 00001.jpg, ...

    Args:
        record: The video.
        folder: An empty folder.
        config: Whether to link or encode, and at what size.

    Returns:
        How many of them had to be encoded.

    Raises:
        DataError: If a frame is missing, damaged, or of another size than the first one.
        PvuwError: If links cannot be made here, or the disk is full.
    """
    size_hw = output_size(record.size_hw, config.short_side)
    encoded = 0
    for position, frame_idx in enumerate(record.annotated):
        source = record.frame_dir / record.frame_files[frame_idx]
        header = _check_size(source, record.size_hw)
        target = folder / f"{frame_name(position)}.jpg"
        may_link = header.kind == "JPEG" and _is_complete(source)
        if config.frames == ENCODE or size_hw != record.size_hw or not may_link:
            jpeg = _encode(source, size_hw, config.quality)
            with disk_errors(target):
                target.write_bytes(jpeg)
            encoded += 1
        else:
            _link(source, target, config.frames)
    return encoded


def output_size(size_hw: tuple[int, int], short_side: int | None) -> tuple[int, int]:
    """Return height and width in the build: the shorter side at most `short_side`.

    Example:
        >>> output_size((720, 1280), 480), output_size((240, 432), 480)
        ((480, 853), (240, 432))
    """
    height, width = size_hw
    if short_side is None or min(size_hw) <= short_side:
        return size_hw
    scale = short_side / min(size_hw)
    return round(height * scale), round(width * scale)


@contextmanager
def disk_errors(target: Path) -> Iterator[None]:
    """Turn a disk that is full or read-only into one line that ends the run.

    Raises:
        PvuwError: If the system refused an operation inside the block.
    """
    try:
        yield
    except OSError as error:
        raise PvuwError(
            f"{target}: cannot be written ({error.strerror}); see to space and rights, then give "
            "the same command again"
        ) from error


def _link(source: Path, target: Path, mode: str) -> None:
    real = os.path.realpath(source)  # a link to a link would break with the one in between
    try:
        if mode == LINK:
            os.link(real, target)
        else:
            target.symlink_to(real)
    except OSError as error:
        raise PvuwError(
            f"{target}: cannot be linked to {source} ({error.strerror}); set build.frames to "
            "symlink or encode"
        ) from error


def _check_size(path: Path, size_hw: tuple[int, int]) -> PictureHeader:
    header = read_header(path)
    found = header.size_hw
    if found != size_hw:
        raise DataError(
            f"{path}: frame is {found[1]}x{found[0]}, the first frame of the video is "
            f"{size_hw[1]}x{size_hw[0]}; bring all frames to one size or list the video under "
            "`exclude`"
        )
    return header


def _is_complete(path: Path) -> bool:
    """Return True for a JPEG that has its end; linking decodes nothing.

    Raises:
        DataError: If the end is missing.
    """
    with path.open("rb") as file:
        file.seek(-len(_JPEG_END), os.SEEK_END)
        if file.read() == _JPEG_END:
            return True
        file.seek(0)
        content = file.read()
    # Bytes behind the image are harmless, and coded pixels never hold the two bytes of its end. A
    # thumbnail has an end of its own, but that stands before the scan.
    if content.rfind(_JPEG_END) > content.rfind(_SCAN_START):
        return True
    raise DataError(f"{path}: truncated JPEG, its end is missing; copy or export the frame again")


def _encode(path: Path, size_hw: tuple[int, int], quality: int) -> bytes:
    frame: NDArray[np.uint8] = np.array(read_picture(path))
    if frame.shape[:2] != size_hw:
        width_height = (size_hw[1], size_hw[0])
        resized = cv2.resize(frame, width_height, interpolation=cv2.INTER_AREA)
        frame = np.asarray(resized, dtype=np.uint8)
    content = io.BytesIO()
    Image.fromarray(frame).save(content, format="JPEG", quality=quality)
    return content.getvalue()
