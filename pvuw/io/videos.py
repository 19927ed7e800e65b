"""One video on disk: its frames, the masks that go with them, and reading both one at a time.

Importing this module and listing videos needs no torch; reading pixels does.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, overload

from pvuw.errors import DataError
from pvuw.io.masks import AUTO, VoidId, image_size_hw, read_mask

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


class FolderMasks(Mapping[int, Path]):
    """Mask files of one folder by frame position; no entry where a frame has no mask."""

    def __init__(self, folder: Path, names: Sequence[str | None]) -> None:
        self.folder = folder
        self.names = tuple(names)
        self.count = len(self.names) - self.names.count(None)

    def __getitem__(self, position: int) -> Path:
        """Return the mask of a frame; KeyError if it has none."""
        name = self.names[position] if 0 <= position < len(self.names) else None
        if name is None:
            raise KeyError(position)
        return self.folder / name

    def __iter__(self) -> Iterator[int]:
        """Yield the positions of the frames that have a mask, ascending."""
        return (position for position, name in enumerate(self.names) if name is not None)

    def __len__(self) -> int:
        """Return the number of masks."""
        return self.count


class Video:
    """One folder of frames and the masks that belong to them; pixels are read on demand.

    A video found broken while listing still is an item of the list, so that a prediction run can
    finish the others: `check` and every read raise what is wrong with it.

    Not a dataclass: Lightning takes dataclass batches apart and refuses frozen ones.

    Args:
        video_id: Name of the video, its folder's name.
        frame_paths: Frame files in order.
        annotation_paths: Frame position -> mask that may prompt, or be a training target.
        truth_paths: Frame position -> full ground truth; empty where there is none.
        void_id: Id of pixels without ground truth in this video's masks; see `read_mask`.
        problem: Why the video cannot be used, as one line for the user.
    """

    def __init__(
        self,
        video_id: str,
        frame_paths: Sequence[Path],
        annotation_paths: Mapping[int, Path] | None = None,
        *,
        truth_paths: Mapping[int, Path] | None = None,
        void_id: VoidId = AUTO,
        problem: str | None = None,
    ) -> None:
        self.video_id = video_id
        self.frame_paths = frame_paths
        self.annotation_paths = annotation_paths or {}
        self.truth_paths = truth_paths or {}
        self.void_id = void_id
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
        if not self.annotation_paths:
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

    def read_annotation(self, position: int) -> "Tensor":
        """Return the annotation of a frame at frame size, uint8 `[H, W]`, void pixels as 0.

        Raises:
            KeyError: If the frame has no annotation.
            DataError: If the mask cannot be read.
        """
        ids, void = self.read_annotation_and_void(position)
        if self.void_id == AUTO and void is not None:
            warnings.warn(
                f"{self.annotation_paths[position]}: 255 is taken for pixels without ground truth, "
                "not for an object; set `void_id` to null if it is one, to 255 to be asked no more",
                stacklevel=2,
            )
        return ids

    def read_annotation_and_void(self, position: int) -> "tuple[Tensor, Tensor | None]":
        """Return the annotation of a frame, uint8 `[H, W]`, and its void pixels, bool `[H, W]`.

        The latter are None where there are none.
        """
        return self._read_mask(self.annotation_paths[position])

    def read_truth(self, position: int) -> "Tensor":
        """Return the ground truth of a frame at frame size, uint8 `[H, W]`, void pixels as 0.

        Raises:
            KeyError: If the frame has no ground truth.
            DataError: If the mask cannot be read.
        """
        return self._read_mask(self.truth_paths[position])[0]

    def _read_mask(self, path: Path) -> "tuple[Tensor, Tensor | None]":
        import torch

        self.check()
        mask = read_mask(path, void_id=self.void_id)
        ids, void = mask.fitted(self.size_hw, place=str(path))
        return torch.from_numpy(ids), None if void is None else torch.from_numpy(void)


def no_masks_line(video: Video, kind: str) -> str:
    """Return the line that tells a user which masks of a video are missing."""
    return (
        f"{video.video_id}: no {kind} mask for any of its {len(video)} frames; add "
        f"<{kind}s>/{video.video_id}/{video.frame_names[0]}.png or leave the video out"
    )
