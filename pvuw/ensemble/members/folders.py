"""Folders of masks from anywhere as members of an ensemble: one video's frames side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pvuw.errors import DataError
from pvuw.io.folder import shorten
from pvuw.io.frame_order import in_order, natural_key
from pvuw.io.mask_store import IdMap
from pvuw.io.mask_tree import MaskTree
from pvuw.io.masks import image_size_hw, read_id_map, resize_id_map
from pvuw.io.probabilities import FrameEntry, ProbabilityFile

_IMAGES = frozenset({".jpg", ".jpeg", ".png"})


@dataclass(frozen=True)
class Member:
    """One folder of predictions with an opinion on each video that is in it."""

    name: str
    masks: Path
    """Folder with `<video>/<frame>.png`."""
    weight: float = 1.0
    """What it is known to be worth: its historical J&F, or any number above 0."""
    probabilities: Path | None = None
    """Folder with `<video>.zip` (`pvuw.io.probabilities`), where its own confidence is kept."""

    def __post_init__(self) -> None:
        """Refuse weights that are none.

        Raises:
            DataError: If the weight is not above 0.
        """
        if not 0 < self.weight < float("inf"):
            raise DataError(f"{self.name}: weight must be a number above 0, got {self.weight:g}")

    @classmethod
    def find(cls, folder: Path, *, name: str | None = None, weight: float = 1.0) -> "Member":
        """Return the member that a folder holds: masks in it or inside, and their probabilities.

        Args:
            folder: A run's folder, its `Annotations`, or anybody's `<video>/<frame>.png`.
            name: Default: the run's folder.
            weight: See `Member.weight`.

        Raises:
            DataError: If there are no masks, or the weight is not above 0.
        """
        masks = MaskTree.find(folder).root
        run = masks.parent if masks.name == "Annotations" else masks
        name = name or run.resolve().name
        beside = masks.parent / "Probabilities"
        return cls(name, masks, weight, beside if beside.is_dir() else None)

    def probability_file(self, video_id: str) -> Path | None:
        """Return where a video's probabilities are; None: they were not kept."""
        if self.probabilities is None:
            return None
        path = self.probabilities / f"{video_id}.zip"
        return path if path.is_file() else None

    def video_ids(self) -> set[str]:
        """Return the ids of what it answers: its videos, or the sentences about them (`v/e`)."""
        return set(MaskTree(self.masks).queries())


def check_names(members: Sequence[Member]) -> None:
    """Return nothing if every member has a name of its own.

    Raises:
        DataError: If two have the same.
    """
    names = [member.name for member in members]
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"two members are called {doubled[0]}; name them: --pred NAME=DIR")


class MemberFrames:
    """One video as all members show it, read frame by frame at one size.

    The frames are those of `images` where given, else all that any member has, in natural order of
    their names. Their size is that of the images, else that of most members (of the larger where
    as many have another). Masks of another size are resized, nearest pixel.

    Args:
        members: In order of priority.
        video_id: The video.
        images: Folder with `<video>/<frame>.jpg`.

    Raises:
        DataError: If no member has a mask of the video, or an image cannot be read.
    """

    def __init__(
        self, members: Sequence[Member], video_id: str, *, images: Path | None = None
    ) -> None:
        self.members = list(members)
        self.video_id = video_id
        self._paths = [_masks_of(member.masks / video_id) for member in members]
        if not any(self._paths):
            raise DataError(f"{video_id}: no member has a mask of this video; leave it out")
        self.image_paths = frames = self._image_paths(images)
        named = [path.stem for path in frames] or list({n: 0 for p in self._paths for n in p})
        self.frame_names = in_order(named)
        sizes = [image_size_hw(next(iter(p.values()))) if p else None for p in self._paths]
        self.size_hw = image_size_hw(frames[0]) if frames else _most_common(sizes)
        self.problems = list(self._problems(sizes))

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.frame_names)

    def read(self, position: int) -> list[IdMap | None]:
        """Return the id map of each member, uint8 `[H, W]`; None where it has none.

        Raises:
            DataError: If a mask cannot be read.
        """
        return [self.read_member(position, member) for member in range(len(self.members))]

    def read_member(self, position: int, member: int) -> IdMap | None:
        """Return the id map of one member, uint8 `[H, W]`; None where it has none.

        Raises:
            DataError: If the mask cannot be read.
        """
        path = self._paths[member].get(self.frame_names[position])
        return None if path is None else resize_id_map(read_id_map(path), self.size_hw)

    def files(self) -> list[list[Path]]:
        """Return the files of each member that the answer depends on, in order."""
        masks = [[p[name] for name in self.frame_names if name in p] for p in self._paths]
        kept = [member.probability_file(self.video_id) for member in self.members]
        return [
            paths if file is None else [*paths, file]
            for paths, file in zip(masks, kept, strict=True)
        ]

    def _image_paths(self, images: Path | None) -> list[Path]:
        if images is None:
            return []
        folder = images / self.video_id.partition("/")[0]
        paths = [p for p in folder.glob("*") if p.suffix.lower() in _IMAGES and p.name[0] != "."]
        if not paths:
            raise DataError(f"{folder}: no frames; correct --images or leave it out")
        return sorted(paths, key=lambda path: natural_key(path.stem))

    def _problems(self, sizes: Sequence[tuple[int, int] | None]) -> list[str]:
        lines = []
        for member, paths, size in zip(self.members, self._paths, sizes, strict=True):
            missing = [name for name in self.frame_names if name not in paths]
            where = f"{member.name}: {self.video_id}"
            if not paths:
                lines.append(f"{where}: no masks; it has no say in this video")
            elif missing:
                lines.append(
                    f"{where}: {len(missing)} of {len(self)} frames have no mask "
                    f"({shorten(missing)}); it has no say in them"
                )
            if size is not None and size != self.size_hw:
                lines.append(
                    f"{where}: masks are {size[1]}x{size[0]}, resized to "
                    f"{self.size_hw[1]}x{self.size_hw[0]}"
                )
        return lines


def _masks_of(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted(folder.glob("*.png")) if path.name[0] != "."}


def _most_common(sizes: Sequence[tuple[int, int] | None]) -> tuple[int, int]:
    known = [size for size in sizes if size is not None]
    return max(known, key=lambda size: (known.count(size), size[0] * size[1]))


class Confidence:
    """What a member itself thinks of its masks of one video, where it kept probabilities.

    Args:
        member: The member.
        video_id: The video.

    Raises:
        DataError: If the file of probabilities is damaged.
    """

    def __init__(self, member: Member, video_id: str) -> None:
        path = member.probability_file(video_id)
        self._file = None if path is None else ProbabilityFile(path)
        entries = [] if self._file is None else self._file.frames
        self._position = {entry.name: position for position, entry in enumerate(entries)}

    @property
    def known(self) -> bool:
        """Whether the member said anything."""
        return self._file is not None

    def of_frame(self, name: str) -> Mapping[int, float | None]:
        """Return confidence by object id, 0..1; None: no opinion. Empty where nothing is known.

        It is the product of presence and predicted IoU, of the one there is, or else the mean
        probability inside the object's mask.
        """
        if self._file is None or name not in self._position:
            return {}
        position = self._position[name]
        entry = self._file.frames[position]
        own = self._stated(entry)
        values = _sharpness(self._file.read(position)) if own is None else own
        opinions = entry.has_opinion or [True] * len(entry.object_ids)
        return {
            object_id: float(np.clip(value, 0, 1)) if opinion else None
            for object_id, value, opinion in zip(entry.object_ids, values, opinions, strict=True)
        }

    @staticmethod
    def _stated(entry: FrameEntry) -> NDArray[np.float64] | None:
        stated = [v for v in (entry.presence, entry.predicted_iou) if v is not None]
        if not stated:
            return None
        product: NDArray[np.float64] = np.prod(np.array(stated, dtype=np.float64), axis=0)
        # "Not there" said with confidence is confidence too.
        if entry.presence is not None:
            presence = np.array(entry.presence)
            product = np.where(presence < 0.5, 1 - presence, product)
        return product

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


class MemberConfidences:
    """What all members think of their masks of one video.

    Args:
        frames: The video.

    Raises:
        DataError: If a file of probabilities is damaged.
    """

    def __init__(self, frames: MemberFrames) -> None:
        self._names = frames.frame_names
        self._members = [Confidence(member, frames.video_id) for member in frames.members]

    def of_frame(self, position: int) -> list[Mapping[int, float | None]]:
        """Return each member's confidence by its own ids, 0..1; None: no opinion on the object."""
        return [member.of_frame(self._names[position]) for member in self._members]

    def close(self) -> None:
        """Close the files."""
        for member in self._members:
            member.close()


def _sharpness(probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean probability inside each mask; 1 less the highest anywhere where there is no mask."""
    values = np.empty(len(probabilities))
    for slot, pixels in enumerate(probabilities):
        inside = pixels[pixels > 0.5]
        values[slot] = inside.mean() if len(inside) else 1 - pixels.max(initial=0.0)
    return values
