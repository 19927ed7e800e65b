"""Prediction alone: any folder of frames or video files, with masks to start from."""

from pathlib import Path
from typing import Literal

from datamodules.base import SegmentationDataModule
from datamodules.clip_sampling import ClipConfig
from pvuw.errors import DataError
from pvuw.io.inputs import Inputs
from pvuw.io.masks import AUTO, VoidId
from pvuw.io.queries import Query

_CLIP = ClipConfig()


class PredictDataModule(SegmentationDataModule):
    """What `pvuw predict` runs on: frames or video files, and the masks of their first frames.

    Args:
        images: A folder with one folder of frames (JPEG or PNG, any names) or one video file per
            video; or one folder of frames; or one video file.
        masks: For several videos a folder with one folder of palette PNGs per video; for one video
            such a folder, or one PNG for the first frame. Masks are named like their frames; those
            of a video file are 00000, 00001, ….
        videos: Predict these only: a text file with one id a line, or the ids.
        void_id: Mask value of pixels without ground truth, which are not followed. `auto`: 255, but
            object 1 in a grayscale mask of nothing but 0 and 255; null: no value, 255 is an object.
        root: Instead of images and masks: a folder in MOSE's layout, whose valid videos to predict.
    """

    def __init__(
        self,
        images: Path | None = None,
        masks: Path | None = None,
        *,
        videos: list[str] | Path | None = None,
        void_id: int | Literal["auto"] | None = AUTO,
        root: Path | None = None,
    ) -> None:
        super().__init__(clip=_CLIP, batch_size=1, num_workers=0, seed=0)
        self.images = images
        self.masks = masks
        self.videos = videos
        self.void_id: VoidId = void_id
        self.root = root

    def val_queries(self) -> list[Query]:
        """Refuse.

        Raises:
            DataError: Always.
        """
        raise DataError("PredictDataModule has no ground truth; use MOSEDataModule to validate")

    def predict_queries(self) -> list[Query]:
        """Return the videos, each with its masks to start from.

        Raises:
            DataError: If images or masks are missing or do not fit.
        """
        images, masks = self.images, self.masks
        if self.root is not None:
            images = images or self.root / "valid" / "JPEGImages"
            masks = masks or self.root / "valid" / "Annotations"
        if images is None or masks is None:
            missing = "--data.images" if images is None else "--data.masks"
            raise DataError(f"nothing to predict: give {missing} FOLDER_OR_FILE")
        inputs = Inputs(images, masks, self.videos, self.void_id)
        return [Query.of(video) for video in inputs.list()]
