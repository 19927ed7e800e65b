"""What every data source says about a video: one small record whose masks are read when asked for.

A record names files and never holds pixels, so ten thousand of them fit in memory and travel to
worker processes. Where the masks are is known to its `MaskStore` alone. Imports no torch.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pvuw.errors import DataError
from pvuw.io.expressions import Expression
from pvuw.io.mask_store import MAX_MAP_ID, BoolMask, MaskQuality, MaskStore, OcclusionLevel, Region
from pvuw.io.masks import image_size_hw


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One object of a video."""

    object_id: int
    """Ours: 1..N without gaps, in the order the source's reader documents."""
    source_id: str
    """The name the source gives it: a pixel value, an annotation id, a track key, a folder."""
    category: str | None = None
    """Class name where the source knows it."""
    visible_bits: int | None = None
    """Bit `t` is set where the object is visible at frame position `t`; readers always fill it in,
    so that presence, gaps and counts need no file at all. None: only the masks tell."""

    def visible_in(self, frame_idx: int) -> bool | None:
        """Return whether the object is visible at a frame position; None if only masks tell."""
        return None if self.visible_bits is None else bool(self.visible_bits >> frame_idx & 1)


@dataclass(frozen=True, slots=True)
class VideoRecord:
    """One video of one source; holds no pixels."""

    source: str
    """Registered name of the source, for example `ovis`."""
    split: str
    """Part of the source: `train`, `val`, ..."""
    video_id: str
    """Name of the video, unique in its source and split, usable as a folder name."""
    frame_dir: Path
    """Folder the frames lie in."""
    frame_files: tuple[str, ...]
    """File name of each frame in `frame_dir`, in time order."""
    objects: tuple[ObjectInfo, ...]
    """All objects of the video, by object id."""
    store: MaskStore
    """Reads the masks; use the `read_*` methods below."""
    licence: str
    """Terms of images and annotations, in one line."""
    fps: float | None = None
    """Annotated frames per second, nominal; None where unknown."""
    exhaustive: bool = False
    """The source promises masks for every object of its classes. Elsewhere, in BURST above all,
    look-alikes without a mask are to be expected."""
    prompts_only: bool = False
    """Masks only introduce objects (evaluation splits): absence of a mask then means nothing."""
    has_occlusion: bool = False
    """The source labels occlusion per object and frame."""
    has_quality: bool = False
    """The source rates its masks."""
    expressions: tuple[Expression, ...] = ()
    """Sentences that name objects, where the source has some (MeViS)."""

    @property
    def num_frames(self) -> int:
        """Frames on disk, annotated or not."""
        return len(self.frame_files)

    @property
    def annotated(self) -> Sequence[int]:
        """Positions of the frames with ground truth, ascending; at least one."""
        return self.store.positions()

    @property
    def object_ids(self) -> tuple[int, ...]:
        """Ids of all objects, `1..N`."""
        return tuple(info.object_id for info in self.objects)

    @property
    def frame_paths(self) -> tuple[Path, ...]:
        """Path of each frame, in time order."""
        return tuple(self.frame_dir / name for name in self.frame_files)

    @property
    def frame_names(self) -> tuple[str, ...]:
        """Stem of each frame's file name, in time order."""
        return tuple(Path(name).stem for name in self.frame_files)

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of the images, from the header of the first one.

        Raises:
            DataError: If that image is missing or damaged.
        """
        return _size_of(self.frame_dir / self.frame_files[0])

    def read_masks(self, frame_idx: int) -> dict[int, BoolMask]:
        """Return the mask of each object visible in a frame, bool `[H, W]`; overlap is kept.

        Args:
            frame_idx: Position of an annotated frame.

        Raises:
            ValueError: If the frame has no ground truth.
            DataError: If the masks cannot be read or do not fit the image.
        """
        return self.store.masks(self._checked(frame_idx), self.size_hw)

    def read_id_map(self, frame_idx: int) -> NDArray[np.uint8]:
        """Return the object id of every pixel, uint8 `[H, W]`; smaller objects are on top.

        Args:
            frame_idx: Position of an annotated frame.

        Raises:
            ValueError: If the frame has no ground truth.
            DataError: As `read_masks`; also if an id is beyond 255.
        """
        try:
            return self.store.id_map(self._checked(frame_idx), self.size_hw)
        except OverflowError as error:
            raise DataError(
                f"{self.frame_dir}: {len(self.objects)} objects, an id map holds {MAX_MAP_ID}; "
                "read single masks or choose fewer objects"
            ) from error

    def read_void(self, frame_idx: int) -> BoolMask | None:
        """Return pixels without ground truth, bool `[H, W]`, or None where every pixel has one."""
        return self.store.void(self._checked(frame_idx), self.size_hw)

    def regions(self, frame_idx: int) -> dict[int, Region]:
        """Return area and tight box of each visible object, in image pixels, without decoding.

        RLE sources count runs; PNG sources read the one PNG. Where mask and image differ in size
        the masks are decoded after all.
        """
        return self.store.regions(self._checked(frame_idx), self.size_hw)

    def visible_ids(self, frame_idx: int) -> tuple[int, ...]:
        """Return the ids of the objects visible in an annotated frame, ascending; reads no file."""
        self._checked(frame_idx)
        if any(info.visible_bits is None for info in self.objects):
            return self.store.visible_ids(frame_idx)
        return tuple(info.object_id for info in self.objects if info.visible_in(frame_idx))

    def qualities(self, frame_idx: int) -> dict[int, MaskQuality]:
        """Return the quality of each visible mask; empty unless `has_quality`."""
        return self.store.qualities(self._checked(frame_idx))

    def occlusions(self, frame_idx: int) -> dict[int, OcclusionLevel]:
        """Return the occlusion label of each visible object; empty unless `has_occlusion`."""
        return self.store.occlusions(self._checked(frame_idx))

    def _checked(self, frame_idx: int) -> int:
        if frame_idx not in self.store:
            raise ValueError(
                f"frame_idx must be an annotated frame of {self.source}/{self.video_id}, "
                f"got {frame_idx}"
            )
        return frame_idx


_size_of = functools.lru_cache(maxsize=65536)(image_size_hw)
