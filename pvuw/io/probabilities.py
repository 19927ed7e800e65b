"""Probabilities of a video's objects, kept compactly for ensembles.

One zip file per video, `<root>/<video>.zip`, readable with any zip and NumPy reader:

- `<frame>.npy` for each frame: uint8 `[N, h, w]`, the probability of each object times 255,
  rounded. Where objects compete they are those of a softmax over background and objects, otherwise
  of one sigmoid each. The map covers the whole frame at a resolution of its own.
- `index.json`: `{"version": 1, "objects_compete": bool, "frames": [{"name", "size_hw",
  "object_ids", "presence", "predicted_iou", "has_opinion"}, ...]}` in order; `size_hw` is the
  frame's, the lists have one entry per object or are null.
"""

import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pvuw.errors import DataError
from pvuw.io.atomic import atomic_path

VERSION = 1
INDEX = "index.json"


@dataclass(frozen=True)
class FrameEntry:
    """What is kept of a frame beside its probabilities."""

    name: str
    """Stem of the frame's file name."""
    size_hw: tuple[int, int]
    """Height and width of the frame, pixels."""
    object_ids: list[int]
    presence: list[float] | None = None
    """P(visible) of each object."""
    predicted_iou: list[float] | None = None
    has_opinion: list[bool] | None = None
    """False for objects the network could not see; null: all have one."""


class ProbabilityWriter:
    """Adds frames to an open file; made by `probability_file`."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.frames: list[FrameEntry] = []
        self.objects_compete = False

    def add(self, entry: FrameEntry, probabilities: NDArray[np.float32]) -> None:
        """Add the next frame.

        Args:
            entry: The frame.
            probabilities: Of its objects, 0..1, float32 `[N, h, w]`.
        """
        if len(probabilities) != len(entry.object_ids):
            raise ValueError(
                f"{len(probabilities)} maps for {len(entry.object_ids)} objects of {entry.name}"
            )
        content = io.BytesIO()
        np.save(content, np.rint(probabilities * 255).astype(np.uint8))
        self._archive.writestr(f"{entry.name}.npy", content.getvalue())
        self.frames.append(entry)

    def finish(self) -> None:
        """Write the index."""
        index = {
            "version": VERSION,
            "objects_compete": self.objects_compete,
            "frames": [asdict(frame) for frame in self.frames],
        }
        self._archive.writestr(INDEX, json.dumps(index))


@contextmanager
def probability_file(path: Path) -> Iterator[ProbabilityWriter]:
    """Yield a writer; the file appears under its name when the block succeeds."""
    # Level 1: masks are mostly 0 and 255, higher levels take longer and gain a few percent.
    with (
        atomic_path(path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
    ):
        writer = ProbabilityWriter(archive)
        yield writer
        writer.finish()


class ProbabilityFile:
    """Reads one video's probabilities frame by frame.

    Args:
        path: A file that `probability_file` wrote.

    Raises:
        DataError: If it is missing, damaged or of another version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._archive = zipfile.ZipFile(path)
            index = json.loads(self._archive.read(INDEX))
            if index["version"] != VERSION:
                raise DataError(
                    f"{path}: probabilities of version {index['version']}, this reads {VERSION}; "
                    "predict again"
                )
            self.objects_compete = bool(index["objects_compete"])
            self.frames = [
                FrameEntry(**(frame | {"size_hw": tuple(frame["size_hw"])}))
                for frame in index["frames"]
            ]
        except FileNotFoundError as error:
            raise DataError(f"{path}: no such file; predict with probabilities kept") from error
        except (zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
            raise DataError(f"{path}: not a file of probabilities; predict again") from error

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.frames)

    def read(self, position: int) -> NDArray[np.float32]:
        """Return a frame's probabilities, 0..1, float32 `[N, h, w]`.

        Raises:
            DataError: If the frame is damaged.
        """
        name = self.frames[position].name
        try:
            stored = np.load(io.BytesIO(self._archive.read(f"{name}.npy")), allow_pickle=False)
        except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
            raise DataError(f"{self.path}: frame {name} is damaged; predict again") from error
        return np.asarray(stored, dtype=np.float32) / np.float32(255)

    def close(self) -> None:
        """Close the file."""
        self._archive.close()
