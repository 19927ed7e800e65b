"""One video on disk: its frames, the masks that go with them, and reading both one at a time.

Importing this module and listing videos needs no torch; reading pixels does.
"""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, overload

from pvuw.errors import DataError
from pvuw.io.mask_store import NO_MASKS, MaskStore
from pvuw.io.masks import image_size_hw

if TYPE_CHECKING:
    from torch import Tensor


class FolderFiles(Sequence[Path]):
    """Paths of files of one folder, kept as names so that a million of them fit in memory."""

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self.folder = folder
        self.names = tuple(names)

    @overload
    def __getitem__(self, index: int) -> Path: ...
    @overload
    def __getitem__(self, index: slice) -> "FolderFiles": ...
    def __getitem__(self, index: int | slice) -> "Path | FolderFiles":
        """Return the path of one file, or the same kind of sequence for a slice."""
        if isinstance(index, slice):
            return FolderFiles(self.folder, self.names[index])
        return self.folder / self.names[index]

    def __len__(self) -> int:
        """Return the number of files."""
        return len(self.names)

    def __eq__(self, other: object) -> bool:
        """Return whether `other` is a sequence of the same paths."""
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]


class Video:
    """One folder of frames and the masks that belong to them; pixels are read on demand.

    A video found broken while listing still is an item of the list, so that a prediction run can
    finish the others: `check` and every read raise what is wrong with it.

    Not a dataclass: Lightning takes dataclass batches apart and refuses frozen ones.

    Args:
        video_id: Name of the video, its folder's name.
        frame_paths: Frame files in order.
        annotations: Masks that may prompt, or be a training target.
        truth: Full ground truth, where there is some.
        problem: Why the video cannot be used, as one line for the user.
    """

    def __init__(
        self,
        video_id: str,
        frame_paths: Sequence[Path],
        annotations: MaskStore = NO_MASKS,
        *,
        truth: MaskStore = NO_MASKS,
        problem: str | None = None,
    ) -> None:
        self.video_id = video_id
        self.frame_paths = frame_paths
        self.annotations = annotations
        self.truth = truth
        self.problem = problem

    def __repr__(self) -> str:
        """Return what names the video in a log."""
        return f"Video({self.video_id!r}, {len(self)} frames)"

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.frame_paths)

    @property
    def frame_names(self) -> list[str]:
        """Stem of each frame's file name; masks carry the same stems."""
        return [path.stem for path in self.frame_paths]

    def files(self) -> Sequence[Path]:
        """Return the files the frames are read from."""
        return self.frame_paths

    @cached_property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of the first frame, which all frames must share."""
        self.check()
        return image_size_hw(self.frame_paths[0])

    def check(self) -> None:
        """Return nothing if the video was found in order when it was listed.

        Raises:
            DataError: If it has no frames, or masks of frames it does not have.
        """
        if self.problem is not None:
            raise DataError(self.problem)

    def check_prompts(self) -> None:
        """Return nothing if the video is in order and at least one frame has a prompt mask.

        Raises:
            DataError: If it is broken or has no annotation.
        """
        self.check()
        if not self.annotations:
            raise DataError(no_masks_line(self, "annotation"))

    def read_frame(self, position: int) -> "Tensor":
        """Return one frame, uint8 `[3, H, W]` RGB.

        Raises:
            DataError: If it cannot be read or its size differs from that of the first frame.
        """
        from pvuw.io.frames import read_frame

        self.check()
        path = self.frame_paths[position]
        frame = read_frame(path)
        height, width = self.size_hw
        if frame.shape[1:] != (height, width):
            raise DataError(
                f"{path}: frame is {frame.shape[2]}x{frame.shape[1]}, the first frame of the "
                f"video is {width}x{height}; bring all frames of a video to one size"
            )
        return frame


def no_masks_line(video: Video, kind: str) -> str:
    """Return the line that tells a user which masks of a video are missing."""
    return (
        f"{video.video_id}: no {kind} mask for any of its {len(video)} frames; add "
        f"<{kind}s>/{video.video_id}/{video.frame_names[0]}.png or leave the video out"
    )
