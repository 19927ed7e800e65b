"""A video file (mp4, mov, mkv, ...) as a `Video`: frames decoded one at a time through PyAV.

What counts as a frame, and how it comes out:

- every coded picture once, in the order it is shown; names are positions, `00000` and on. Times
  are ignored, so of a variable frame rate no frame is doubled or dropped;
- turned as the file's rotation tag says, so that a mask drawn on what a player shows fits; a file
  to be shown mirrored is refused; the pixels' aspect is ignored, the pixels are those stored;
- of several video streams the one marked as default, else the first; covers are no video.

Importing this module needs neither PyAV nor torch; reading does.
"""

import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from pvuw.errors import DataError
from pvuw.io.folder import list_folder
from pvuw.io.mask_store import NO_MASKS, MaskStore
from pvuw.io.video_decode import FrameIndex, FrameReader
from pvuw.io.videos import FolderFiles, Video

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

SUFFIXES = frozenset({".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mpg", ".mpeg"})


class VideoFile(Video):
    """The frames of a video file and the masks that belong to them.

    Reading frames in order costs one decoding of each. Reading another one starts at the key frame
    before it. One frame is held at a time, and the file is closed after the last.

    Args:
        path: The file; its stem names the video.
        index: From `scan`.
        annotations: Masks that may prompt.
        truth: Full ground truth, where there is some.
        problem: Why the video cannot be used, as one line for the user.
    """

    def __init__(
        self,
        path: Path,
        index: FrameIndex,
        annotations: MaskStore = NO_MASKS,
        *,
        truth: MaskStore = NO_MASKS,
        problem: str | None = None,
    ) -> None:
        super().__init__(
            path.stem,
            FolderFiles(path, frame_names(index.num_frames)),
            annotations,
            truth=truth,
            problem=problem,
        )
        self.path = path
        self.index = index
        self._reader: FrameReader | None = None
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        """Return what travels to another process: not the open file."""
        return self.__dict__ | {"_reader": None, "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take what `__getstate__` gave."""
        self.__dict__.update(state, _lock=threading.Lock())

    def files(self) -> Sequence[Path]:
        """Return the one file."""
        return [self.path]

    @cached_property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of every frame, as players show it."""
        self.check()
        return self.index.size_hw

    def read_frame(self, position: int) -> "Tensor":
        """Return one frame, uint8 `[3, H, W]` RGB.

        Raises:
            DataError: If it cannot be decoded or has another size than the first.
        """
        import torch

        return torch.from_numpy(self.read_pixels(position)).permute(2, 0, 1).contiguous()

    def read_pixels(self, position: int) -> "NDArray[np.uint8]":
        """Return one frame without torch, uint8 `[H, W, 3]` RGB.

        Raises:
            DataError: If it cannot be decoded or has another size than the first.
        """
        self.check()
        position = range(len(self))[position]
        with self._lock:
            if self._reader is None:
                self._reader = FrameReader(self.path, self.index)
            pixels = self._reader.read(position)
            if position + 1 == len(self):
                self._reader.close()
                self._reader = None
        if pixels.shape[:2] != self.index.size_hw:
            height, width = self.index.size_hw
            raise DataError(
                f"{self.frame_paths[position]}: frame is {pixels.shape[1]}x{pixels.shape[0]}, the "
                f"first frame of the video is {width}x{height}; convert the file to one size"
            )
        return pixels


def frame_names(count: int) -> list[str]:
    """Return the names that frames of a video file go by.

    Example:
        >>> frame_names(2)
        ['00000', '00001']
    """
    return [f"{position:05d}" for position in range(count)]


def find_video_files(place: Path) -> dict[str, Path]:
    """Return the video files at a place by video id: those of a folder, or the file itself.

    Raises:
        DataError: If two files of the folder differ in their suffix only.
    """
    if place.is_file():
        return {place.stem: place} if is_video_name(place.name) else {}
    listing = list_folder(place)
    found: dict[str, Path] = {}
    for name in filter(is_video_name, sorted(listing.files + listing.lost)):
        file = place / name
        if file.stem in found:
            raise DataError(f"{file}: the same video as {found[file.stem].name}; keep one")
        found[file.stem] = file
    return found


def is_video_name(name: str) -> bool:
    """Return whether a file of this name is taken for a video.

    Example:
        >>> is_video_name("IMG_0001.MOV"), is_video_name("notes.txt")
        (True, False)
    """
    return PurePath(name).suffix.lower() in SUFFIXES
