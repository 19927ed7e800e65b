"""Reading what a clip needs of a video, in the same way from mask folders and annotation files."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pvuw.errors import DataError
from pvuw.io.records import VideoRecord
from pvuw.io.videos import FolderFiles, Video, no_masks_line

ClipVideo = Video | VideoRecord
"""A video clips can be cut from; names files, holds no pixels."""

MAX_LABELS = 255


class ObjectMap(NamedTuple):
    """Which object every pixel of a frame belongs to."""

    labels: NDArray[np.uint8]
    """`[H, W]`: 0 is background, `label` stands for the object `ids[label - 1]`."""
    ids: Sequence[int]
    """Object of each label."""
    void: NDArray[np.uint8] | None = None
    """1 where there is no ground truth, uint8 `[H, W]`; None where the frame has no such pixels."""


class ClipSource(Protocol):
    """What cutting a clip asks of a video."""

    @property
    def video_id(self) -> str:
        """Name of the video in batches and messages."""

    @property
    def positions(self) -> Sequence[int]:
        """Positions of the frames with ground truth, ascending."""

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of the frames."""

    def read_frame(self, position: int) -> Tensor:
        """Return a frame, uint8 `[3, H, W]`."""

    def read_objects(self, position: int, object_ids: Sequence[int] | None = None) -> ObjectMap:
        """Return where the objects of a frame are; with ids given, those of others may be left out.

        Args:
            position: A frame with ground truth.
            object_ids: Ids of interest; None: all.
        """


class FolderSource:
    """A `Video`: one PNG holds all objects of a frame, so there is nothing to save."""

    def __init__(self, video: Video) -> None:
        self.video = video
        self.positions = sorted(video.annotation_paths)

    @property
    def video_id(self) -> str:
        """Name of its folder."""
        return self.video.video_id

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of the frames."""
        return self.video.size_hw

    def read_frame(self, position: int) -> Tensor:
        """Return a frame, uint8 `[3, H, W]`."""
        return self.video.read_frame(position)

    def read_objects(self, position: int, object_ids: Sequence[int] | None = None) -> ObjectMap:
        """Return all objects of a frame; labels are ids."""
        del object_ids
        ids, void = self.video.read_annotation_and_void(position)
        return ObjectMap(
            ids.numpy(),
            range(1, MAX_LABELS + 1),
            None if void is None else void.numpy().view(np.uint8),
        )


class RecordSource:
    """A `VideoRecord`: only the objects asked for are decoded."""

    def __init__(self, record: VideoRecord) -> None:
        self.record = record
        self.positions = record.annotated
        self.video_id = f"{record.source}/{record.video_id}"
        self._frames = Video(self.video_id, FolderFiles(record.frame_dir, record.frame_files))

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of the frames."""
        return self._frames.size_hw

    def read_frame(self, position: int) -> Tensor:
        """Return a frame, uint8 `[3, H, W]`."""
        return self._frames.read_frame(position)

    def read_objects(self, position: int, object_ids: Sequence[int] | None = None) -> ObjectMap:
        """Return the wanted objects of a frame, or all visible ones.

        Raises:
            DataError: If that are more than 255.
        """
        ids = self.record.visible_ids(position) if object_ids is None else object_ids
        if len(ids) > MAX_LABELS:
            raise DataError(
                f"{self.video_id}: {len(ids)} objects in frame {position}, training takes up to "
                f"{MAX_LABELS}; list the video under `exclude`"
            )
        void = self.record.read_void(position)
        return ObjectMap(
            self.record.read_slot_map(position, ids),
            ids,
            None if void is None else void.view(np.uint8),
        )


def open_clip_source(video: ClipVideo) -> ClipSource:
    """Return what reads a video; no file is opened yet."""
    return RecordSource(video) if isinstance(video, VideoRecord) else FolderSource(video)


def is_too_little(video: ClipVideo, num_frames: int) -> bool:
    """Return whether a video in good order has too few frames or no object for a clip.

    Args:
        video: As listed; no file is opened.
        num_frames: Frames of a clip.
    """
    if isinstance(video, Video):
        return video.problem is None and 0 < len(video.annotation_paths) < num_frames
    return len(video.annotated) < num_frames or not video.objects


def training_problem(video: ClipVideo, num_frames: int) -> str | None:
    """Return why no clip can be cut from a video, as one line for the user, or None.

    Args:
        video: As listed; no file is opened.
        num_frames: Frames of a clip.
    """
    if isinstance(video, Video):
        name, count = f"video {video.video_id}", len(video.annotation_paths)
        if video.problem is not None:
            return video.problem
        if not count:
            return no_masks_line(video, "annotation")
    else:
        name, count = f"video {video.source}/{video.video_id}", len(video.annotated)
        if video.prompts_only:
            return f"{name}: its masks only introduce objects ({video.split}); use split `train`"
        if not video.objects:
            return f"{name}: none of its masks shows an object; list it under `exclude`"
    if count >= num_frames:
        return None
    return (
        f"{name}: {count} frames with a mask, a clip needs {num_frames}; leave it out (`exclude`) "
        "or lower data.clip.num_frames"
    )
