"""Whatever a user has to predict: a video file, a folder of frames, or a folder of either."""

from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Literal

from pvuw.errors import DataError
from pvuw.io.folder import list_folder, missing_reason
from pvuw.io.listing import (
    MASK_SUFFIXES,
    VideoFolder,
    files_by_stem,
    list_frame_folder,
    list_video_file,
    list_videos,
)
from pvuw.io.masks import AUTO
from pvuw.io.png_masks import PngMasks
from pvuw.io.video_file import SUFFIXES, is_video_name
from pvuw.io.videos import Video

_FRAMES = frozenset({".jpg", ".jpeg", ".png"})


@dataclass
class Inputs:
    """Videos to predict, and the masks that prompt them where masks do.

    Args:
        images: A folder with one folder of frames (JPEG or PNG, any names) or one video file per
            video; or one folder of frames; or one video file.
        masks: For several videos, a folder with one folder of palette PNGs per video. For one
            video, such a folder, or a single PNG, which then is the first frame's. A mask has the
            stem of its frame; frames of a video file are called 00000, 00001, …. None: something
            else prompts.
        videos: Of several, take these only: a text file with one id a line, or the ids.
        void_id: Mask value of pixels without ground truth, as for `VideoFolder`.
    """

    images: Path
    masks: Path | None = None
    videos: list[str] | Path | None = None
    void_id: int | Literal["auto"] | None = AUTO

    def list(self) -> list[Video]:
        """The videos, sorted by id.

        Raises:
            DataError: If there is no video, or images and masks are not of the same kind.
        """
        for path in (self.images, self.masks):
            if path is not None and not path.exists():
                reason = missing_reason(path, "no such file or folder")
                raise DataError(f"{path}: {reason}; check the path")
        if not self._is_one_video():
            if self.masks is not None and self.masks.is_file():
                raise DataError(
                    f"{self.masks}: one mask for a folder of several videos ({self.images}); give "
                    "a folder with one folder of masks per video"
                )
            return list_videos(
                VideoFolder(self.images, self.masks, videos=self.videos, void_id=self.void_id)
            )
        if self.videos is not None:
            raise DataError(f"{self.images}: is one video; leave out the list of videos")
        return [self._one_video()]

    def _one_video(self) -> Video:
        if self.images.is_file():
            video = list_video_file(VideoFolder(self.images, void_id=self.void_id), self.images)
        else:
            place = self.images.resolve()
            video = list_frame_folder(VideoFolder(place.parent, void_id=self.void_id), place.name)
        if video.problem is None and self.masks is not None:
            video.annotations = self._masks_of_one(video, self.masks)
        return video

    def _is_one_video(self) -> bool:
        if self.images.is_file():
            if not is_video_name(self.images.name):
                known = ", ".join(sorted(SUFFIXES))
                raise DataError(f"{self.images}: not a video file by its name; known are {known}")
            return True
        found = list_folder(self.images)
        pictures = [n for n in found.files + found.lost if PurePath(n).suffix.lower() in _FRAMES]
        for name in found.folders if pictures else ():
            inside = self.images / name
            if inside not in self._around_masks() and _holds_frames(inside):
                raise DataError(
                    f"{self.images}: holds frames ({pictures[0]}) and folders of frames ({name}); "
                    "give a folder with frames only, or with one folder per video only"
                )
        return bool(pictures)

    def _around_masks(self) -> tuple[Path, ...]:
        return () if self.masks is None else (self.masks, *self.masks.parents)

    def _masks_of_one(self, video: Video, masks: Path) -> PngMasks:
        """The masks of one PNG, of a folder, or of the video's folder inside it."""
        if masks.is_file():
            return PngMasks(masks.parent, (masks.name,), void_id=self.void_id)
        inside = masks / video.video_id
        folder = inside if inside.is_dir() else masks
        files = files_by_stem(folder, MASK_SUFFIXES)
        if not files:
            raise DataError(f"{folder}: holds no PNG mask; add one named like its frame")
        if lost := sorted(files.keys() - set(video.frame_names)):
            raise DataError(
                f"{folder / files[lost[0]]}: no frame of {self.images} is called {lost[0]} (they "
                f"are {video.frame_names[0]} to {video.frame_names[-1]}); rename the mask"
            )
        return PngMasks.by_stem(folder, files, video.frame_names, void_id=self.void_id)


def _holds_frames(folder: Path) -> bool:
    return any(PurePath(name).suffix.lower() in _FRAMES for name in list_folder(folder).files)
