"""Video folders in the layout of MOSE, which DAVIS, YouTube-VOS and LVOS share."""

from collections.abc import Sequence
from pathlib import Path

from datamodules.augment import ClipAugment
from datamodules.base import SegmentationDataModule
from datamodules.clip_sampling import ClipConfig
from datamodules.datasets.clip_sources import ClipVideo
from pvuw.errors import DataError
from pvuw.io.listing import VideoFolder, list_videos
from pvuw.io.videos import Video

Folders = VideoFolder | list[VideoFolder]

_CLIP = ClipConfig()


class MOSEDataModule(SegmentationDataModule):
    """Videos as folders of frames with palette PNG masks (docs/data.md shows the trees).

    With `root` given, `root/train/{JPEGImages,Annotations}` is trained on and
    `root/valid/{JPEGImages,Annotations}` predicted; `root/valid/GroundTruth` scores validation.
    `train`, `val` and `predict` name other folders and take precedence.

    Args:
        root: Folder in MOSE's layout.
        train: Videos to train on; `annotations` holds the masks of every frame.
        val: Videos to score; `annotations` holds the prompts, `truth` what is scored against.
        predict: Videos to predict; `annotations` holds the prompts.
        clip: How training clips are cut.
        batch_size: Clips of a training batch of one process.
        num_workers: Processes that read training clips; 0 reads them in the main process. They
            never change which clips come.
        seed: Decides, with epoch and index, every training clip and its augmentation.
        augment: Augments training batches on their device; none: clips stay as they are cut.
    """

    def __init__(
        self,
        root: Path | None = None,
        *,
        train: VideoFolder | list[VideoFolder] | None = None,
        val: VideoFolder | list[VideoFolder] | None = None,
        predict: VideoFolder | list[VideoFolder] | None = None,
        clip: ClipConfig = _CLIP,
        batch_size: int = 1,
        num_workers: int = 2,
        seed: int = 0,
        augment: ClipAugment | None = None,
    ) -> None:
        super().__init__(
            clip=clip, batch_size=batch_size, num_workers=num_workers, seed=seed, augment=augment
        )
        self.root = root
        self.train = train
        self.val = val
        self.predict = predict

    def train_videos(self) -> Sequence[ClipVideo]:
        """Return the videos of `train`, or of `root/train`."""
        return _list(self.train or self._under_root("train"), "train")

    def val_videos(self) -> list[Video]:
        """Return the videos of `val`, or of `root/valid` with its ground truth.

        Raises:
            DataError: If there is no ground truth to score against.
        """
        if self.val is not None:
            return _list(self.val, "val")
        folder = self._under_root("valid")
        truth = folder.images.parent / "GroundTruth"
        if not truth.is_dir():
            raise DataError(
                f"{truth}: no such folder, and MOSE publishes no ground truth of its valid videos; "
                "hold out training videos (data.val with images, annotations, truth, videos, and "
                "data.train with exclude) or switch validation off (trainer.limit_val_batches=0)"
            )
        folder.truth = truth
        return _list(folder, "val")

    def predict_videos(self) -> list[Video]:
        """Return the videos of `predict`, or of `root/valid`."""
        return _list(self.predict or self._under_root("valid"), "predict")

    def _under_root(self, split: str) -> VideoFolder:
        if self.root is None:
            raise DataError(
                "data.root: not given; name the folder that holds train/ and valid/, or the "
                "folders themselves (data.train, data.val, data.predict)"
            )
        base = self.root / split
        return VideoFolder(base / "JPEGImages", annotations=base / "Annotations")


def _list(folders: Folders, name: str) -> list[Video]:
    folders = folders if isinstance(folders, list) else [folders]
    for folder in folders:
        if folder.annotations is None:
            raise DataError(f"data.{name}: {folder.images} is given without annotations; add them")
        if name == "val" and folder.truth is None:
            raise DataError(f"data.val: {folder.images} is given without truth; add the full masks")
    return [video for folder in folders for video in list_videos(folder)]
