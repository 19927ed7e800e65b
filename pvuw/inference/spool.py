"""Sums of views that wait on disk between two runs over a video."""

import tempfile
from pathlib import Path
from types import TracebackType

import torch

from pvuw.inference.fusion import ViewSums


class SumsSpool:
    """A temporary folder with the sums of each frame; it is gone when the block is left.

    Takes `frames * (objects + 1) * height * width * 4` bytes or more of the temporary disk, and of
    memory one frame at a time.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="pvuw-views-")

    def __enter__(self) -> "SumsSpool":
        """Use the folder."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove the folder."""
        self._folder.cleanup()

    def load(self, frame_idx: int) -> ViewSums | None:
        """The sums of a frame, or None if no view has been added."""
        path = self._path(frame_idx)
        if not path.exists():
            return None
        parts = torch.load(path, weights_only=True)
        return ViewSums(**parts)

    def save(self, frame_idx: int, sums: ViewSums) -> None:
        """Keep the sums of a frame in place of the earlier ones."""
        torch.save(vars(sums), self._path(frame_idx))

    def _path(self, frame_idx: int) -> Path:
        return Path(self._folder.name) / f"{frame_idx:08d}.pt"
