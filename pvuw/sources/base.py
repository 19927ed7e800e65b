"""What every reader of a data source offers, and what is known about a source beforehand."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pvuw.errors import DataError
from pvuw.io.folder import list_names
from pvuw.io.records import VideoRecord
from pvuw.io.text import plain_id


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What holds for all videos of a source."""

    name: str
    """Registered name."""
    licence: str
    """Terms of images and annotations, in one line."""
    fps: float | None = None
    """Annotated frames per second, nominal."""
    prompt_splits: tuple[str, ...] = ()
    """Splits published with the masks that introduce objects only."""
    exhaustive: bool = False
    """Every object of the source's classes has masks."""


class Reader(ABC):
    """Lists the videos of one split of one source.

    A source falls into units that are listed independently: a video folder, or an annotation file
    with many videos. `stamps` names them and says cheaply whether one has changed; `read` opens
    them. That is what lets an index be cached, brought up to date and made in parallel.

    Args:
        facts: What is known about the source.
        root: Folder of the download.
        split: Part of the source.
        exclude: Video ids to leave out, broken ones for example.
    """

    def __init__(
        self,
        facts: SourceFacts,
        root: Path,
        *,
        split: str = "train",
        exclude: Collection[str] = (),
    ) -> None:
        self.facts = facts
        self.root = Path(root)
        self.split = split
        self.exclude = frozenset(map(plain_id, exclude))

    def included(self, present: Iterable[str]) -> set[str]:
        """Return the ids that are not excluded; warns of an excluded id that is not there.

        Args:
            present: Every id of the split.
        """
        ids = set(present)
        if unknown := sorted(self.exclude - ids):
            warnings.warn(
                f"{self.root}: `exclude` names {', '.join(unknown)}, but {self.facts.name} "
                f"{self.split} has no such video; correct the id, or nothing is left out by it",
                stacklevel=3,
            )
        return ids - self.exclude

    @abstractmethod
    def stamps(self) -> dict[str, str]:
        """Return the units in their order, each with a text that changes when its files do.

        Raises:
            DataError: If the layout is not that of the source.
        """

    @abstractmethod
    def read(self, units: Sequence[str]) -> Iterator[tuple[str, VideoRecord]]:
        """Yield the videos of some units, each with the unit it is in; units in the given order.

        Raises:
            DataError: If a video or an annotation file is broken; the line names it and the fix.
        """

    def records(self) -> Iterator[VideoRecord]:
        """Yield all videos, read now."""
        for _, record in self.read(list(self.stamps())):
            yield record


def require_folder(path: Path, *, tree: str) -> Path:
    """Return the folder.

    Args:
        path: Folder that must exist.
        tree: The layout of the source, for the error.

    Raises:
        DataError: If it does not exist.
    """
    if not path.is_dir():
        raise DataError(f"{path}: no such folder; expected {tree}")
    return path


def first_existing(paths: Iterable[Path], *, tree: str) -> Path:
    """Return the first path that exists.

    Raises:
        DataError: If none does.
    """
    candidates = list(paths)
    for path in candidates:
        if path.exists():
            return path
    others = ", ".join(str(path) for path in candidates[1:])
    also = f" (nor {others})" if others else ""
    raise DataError(f"{candidates[0]}: no such file{also}; expected {tree}")


def check_frames(folder: Path, names: Sequence[str], *, place: str) -> set[str]:
    """Return the names of all files of a folder that holds the frames of a video.

    Args:
        folder: Folder of the video.
        names: Frames that must be there.
        place: File and video that name them, for errors.

    Raises:
        DataError: If one is missing.
    """
    try:
        present = set(list_names(folder))
    except DataError as error:
        raise DataError(
            f"{error}; {place} names it: extract the frames or list the video under `exclude`"
        ) from error
    for name in names:
        if name not in present:
            raise DataError(
                f"{folder / name}: no such frame, named by {place}; extract the frames again or "
                "list the video under `exclude`"
            )
    return present


def visible_bits(frames: Iterable[int]) -> int:
    """Return an integer with the bit of each given frame position set.

    Example:
        >>> bin(visible_bits([0, 3]))
        '0b1001'
    """
    bits = 0
    for frame_idx in frames:
        bits |= 1 << frame_idx
    return bits
