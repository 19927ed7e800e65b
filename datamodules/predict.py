"""Prediction alone: any folder of frames or video files, with masks or words to start from."""

from pathlib import Path
from typing import Literal

from datamodules.base import SegmentationDataModule
from datamodules.clip_sampling import ClipConfig
from pvuw.errors import DataError
from pvuw.io.inputs import Inputs
from pvuw.io.masks import AUTO, VoidId
from pvuw.io.queries import Query
from pvuw.sources.asked import asked_by

_CLIP = ClipConfig()


class PredictDataModule(SegmentationDataModule):
    """What `pvuw predict` runs on: frames or video files, and masks or sentences that prompt.

    Args:
        images: A folder with one folder of frames (JPEG or PNG, any names) or one video file per
            video; or one folder of frames; or one video file.
        masks: For several videos a folder with one folder of palette PNGs per video; for one video
            such a folder, or one PNG for the first frame. Masks are named like their frames; those
            of a video file are 00000, 00001, ….
        text: Instead of masks, for networks that know words: a sentence, asked of every video; or a
            file of many, `.txt` with lines `video<TAB>sentence`, or `.json` as MeViS publishes its
            expressions. Masks go to `<video>/<expression>/<frame>.png`.
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
        text: str | None = None,
        videos: list[str] | Path | None = None,
        void_id: int | Literal["auto"] | None = AUTO,
        root: Path | None = None,
    ) -> None:
        super().__init__(clip=_CLIP, batch_size=1, num_workers=0, seed=0)
        self.images = images
        self.masks = masks
        self.text = text
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
        """Return the videos, each with its masks to start from, or what sentences ask of them.

        Raises:
            DataError: If images, masks or sentences are missing or do not fit.
        """
        images, masks = self.images, self.masks
        if self.root is not None:
            images = images or self.root / "valid" / "JPEGImages"
            if self.text is None:
                masks = masks or self.root / "valid" / "Annotations"
        if masks is not None and self.text is not None:
            raise DataError(
                f"--data.masks {masks} and --data.text {self.text!r} both say what to follow; give "
                "one of them"
            )
        if images is None or (masks is None and self.text is None):
            missing = (
                "--data.images FOLDER_OR_FILE"
                if images is None
                else "--data.masks FOLDER_OR_FILE, or --data.text for a network that knows words"
            )
            raise DataError(f"nothing to predict: give {missing}")
        videos = Inputs(images, masks, self.videos, self.void_id).list()
        if self.text is not None:
            return asked_by(self.text, videos, images=images)
        return [Query.of(video) for video in videos]
