"""Whatever a user has to predict: a video file, a folder of frames, or a folder of either."""

from dataclasses import dataclass
from pathlib import Path

from pvuw.errors import DataError
from pvuw.io.listing import VideoFolder, list_videos
from pvuw.io.video_file import SUFFIXES
from pvuw.io.videos import Video

_FRAMES = frozenset({".jpg", ".jpeg", ".png"})


@dataclass
class Inputs:
    """Videos to predict and the masks that prompt them.

    Args:
        images: A folder with one folder of frames (JPEG or PNG, any names) or one video file per
            video; or one folder of frames; or one video file.
        masks: For several videos, a folder with one folder of palette PNGs per video. For one
            video, such a folder, or a single PNG, which then is the first frame's. A mask has the
            stem of its frame; frames of a video file are called 00000, 00001, ….
        videos: Of several, take these only: a text file with one id a line, or the ids.
    """

    images: Path
    masks: Path
    videos: list[str] | Path | None = None

    def list(self) -> list[Video]:
        """The videos, sorted by id.

        Raises:
            DataError: If there is no video, or images and masks are not of the same kind.
        """
        for path in (self.images, self.masks):
            if not path.exists():
                raise DataError(f"{path}: no such file or folder; check the path")
        if not self._is_one_video():
            if self.masks.is_file():
                raise DataError(
                    f"{self.masks}: one mask for a folder of several videos ({self.images}); give "
                    "a folder with one folder of masks per video"
                )
            return list_videos(VideoFolder(self.images, self.masks, videos=self.videos))
        if self.videos is not None:
            raise DataError(f"{self.images}: is one video; leave out the list of videos")
        return [self._one_video()]

    def _one_video(self) -> Video:
        if self.images.is_file():
            (video,) = list_videos(VideoFolder(self.images))
        else:
            parent, name = self.images.resolve().parent, self.images.resolve().name
            (video,) = list_videos(VideoFolder(parent, videos=[name]))
        if video.problem is None:
            video.annotation_paths = self._masks_of_one(video)
        return video

    def _is_one_video(self) -> bool:
        if self.images.is_file():
            if self.images.suffix.lower() not in SUFFIXES:
                known = ", ".join(sorted(SUFFIXES))
                raise DataError(f"{self.images}: not a video file by its name; known are {known}")
            return True
        return any(path.suffix.lower() in _FRAMES for path in self.images.iterdir())

    def _masks_of_one(self, video: Video) -> dict[int, Path]:
        """Masks by frame position: of one PNG, of a folder, or of the video's folder inside it."""
        if self.masks.is_file():
            return {0: self.masks}
        inside = self.masks / video.video_id
        folder = inside if inside.is_dir() else self.masks
        position = {name: i for i, name in enumerate(video.frame_names)}
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".png")
        if not paths:
            raise DataError(f"{folder}: holds no PNG mask; add one named like its frame")
        if lost := [path for path in paths if path.stem not in position]:
            raise DataError(
                f"{lost[0]}: no frame of {self.images} is called {lost[0].stem} (they are "
                f"{video.frame_names[0]} to {video.frame_names[-1]}); rename the mask"
            )
        return {position[path.stem]: path for path in paths}
