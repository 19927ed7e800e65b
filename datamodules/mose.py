"""Video folders in the layout of MOSE, which DAVIS, YouTube-VOS and LVOS share."""

import re
from collections.abc import Sequence
from pathlib import Path

from datamodules.augment import ClipAugment
from datamodules.base import SegmentationDataModule
from datamodules.clip_sampling import ClipConfig
from datamodules.mixing import long_enough
from datamodules.splits import HoldOut, check_hold_out, split
from pvuw.errors import DataError
from pvuw.io.listing import VideoFolder, list_videos
from pvuw.io.queries import Query
from pvuw.io.videos import Video

Folders = VideoFolder | list[VideoFolder]

_CLIP = ClipConfig()


class MOSEDataModule(SegmentationDataModule):
    """Videos as folders of frames with palette PNG masks (docs/data.md shows the trees).

    With `root` given, `root/train/{JPEGImages,Annotations}` is trained on and
    `root/valid/{JPEGImages,Annotations}` predicted; `root/valid/GroundTruth` scores validation.
    `train`, `val`, `val_sets`, `hold_out` and `predict` name others and take precedence. Training
    videos too short for a clip are left out with a warning.

    Args:
        root: Folder in MOSE's layout.
        train: Videos to train on; `annotations` holds the masks of every frame.
        val: Videos to score; `annotations` holds the prompts, `truth` what is scored against.
        val_sets: Several sets to score instead of `val`, by the name their scores are logged under;
            each as `val`, or a folder in MOSE's layout whose `valid` has ground truth.
        val_limit: Videos of each validation set that are scored, evenly spread over its sorted
            list; none: all.
        hold_out: Score some of the training videos and train on the others: so many, or as a share
            of them, evenly spread over their sorted list; `sam2`: train on the 1246 videos of MOSE
            that SAM 2's authors fine-tuned on, score the 200 they held out. For MOSE, whose valid
            videos have no public ground truth.
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
        val_sets: dict[str, VideoFolder | Path] | None = None,
        val_limit: int | None = None,
        hold_out: HoldOut = 0,
        predict: VideoFolder | list[VideoFolder] | None = None,
        clip: ClipConfig = _CLIP,
        batch_size: int = 1,
        num_workers: int = 2,
        seed: int = 0,
        augment: ClipAugment | None = None,
    ) -> None:
        super().__init__(
            clip=clip,
            batch_size=batch_size,
            num_workers=num_workers,
            seed=seed,
            augment=augment,
            val_limit=val_limit,
        )
        self.root = root
        self.train = train
        self.val = val
        self.val_sets = val_sets or {}
        self.hold_out = hold_out
        _check_validation(val, self.val_sets, hold_out)
        self.predict = predict

    def train_videos(self) -> Sequence[Video]:
        """Return the videos of `train`, or of `root/train`, but those held out."""
        return self._split()[0]

    def val_queries(self) -> list[Query]:
        """Return the videos of `val`, those held out, or those of `root/valid` with their truth.

        Raises:
            DataError: If there is no ground truth to score against.
        """
        if self.val is not None:
            return _asked(_list(self.val, "val"))
        if self.hold_out:
            # Their masks prompt, and are the ground truth as well.
            held = self._split()[1]
            return [Query(v.video_id, v, v.annotations, v.annotations) for v in held]
        return _asked(list_videos(_valid_with_truth(self._root())))

    def val_sets_of_queries(self) -> dict[str, list[Query]]:
        """Return the videos of each of `val_sets`, or of the one set without a name."""
        if not self.val_sets:
            return super().val_sets_of_queries()
        return {
            name: _asked(
                list_videos(_valid_with_truth(place))
                if isinstance(place, Path)
                else _list(place, f"val_sets.{name}")
            )
            for name, place in self.val_sets.items()
        }

    def predict_queries(self) -> list[Query]:
        """Return the videos of `predict`, or of `root/valid`."""
        return _asked(_list(self.predict or self._under_root("valid"), "predict"))

    def _split(self) -> tuple[list[Video], list[Video]]:
        """Return the videos of the training split: to train on, and held out."""
        videos = _list(self.train or self._under_root("train"), "train")
        trained, held = split(videos, self.hold_out)
        return long_enough(trained, self.clip.num_frames, name="data.train"), held

    def _under_root(self, split: str) -> VideoFolder:
        return _split(self._root(), split)

    def _root(self) -> Path:
        if self.root is None:
            raise DataError(
                "data.root: not given; name the folder that holds train/ and valid/, or the "
                "folders themselves (data.train, data.val, data.predict)"
            )
        return self.root


def _check_validation(
    val: Folders | None, val_sets: dict[str, VideoFolder | Path], hold_out: HoldOut
) -> None:
    """Refuse names that logs cannot carry, and several answers to what is validated."""
    check_hold_out(hold_out)
    given = {
        "data.val": val is not None,
        "data.val_sets": bool(val_sets),
        "data.hold_out": hold_out,
    }
    if sum(map(bool, given.values())) > 1:
        names = " and ".join(name for name, is_given in given.items() if is_given)
        raise ValueError(f"{names} each say what to validate on; give one (data.hold_out 0: none)")
    for name in val_sets:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
            raise ValueError(
                f"data.val_sets: {name!r} is logged as val/<name>/jf; use letters, digits, _ and -"
            )


def _split(root: Path, split: str) -> VideoFolder:
    base = root / split
    return VideoFolder(base / "JPEGImages", annotations=base / "Annotations")


def _valid_with_truth(root: Path) -> VideoFolder:
    """The valid split of a root that has the ground truth of it."""
    folder = _split(root, "valid")
    truth = folder.images.parent / "GroundTruth"
    if not truth.is_dir():
        raise DataError(
            f"{truth}: no such folder, and MOSE publishes no ground truth of its valid videos; "
            "hold out training videos (data.hold_out 0.03, or data.val with images, annotations, "
            "truth, videos, and data.train with exclude) or switch validation off "
            "(trainer.limit_val_batches=0)"
        )
    folder.truth = truth
    return folder


def _asked(videos: Sequence[Video]) -> list[Query]:
    return [Query.of(video) for video in videos]


def _list(folders: Folders, name: str) -> list[Video]:
    folders = folders if isinstance(folders, list) else [folders]
    for folder in folders:
        if folder.annotations is None:
            raise DataError(f"data.{name}: {folder.images} is given without annotations; add them")
        if name.startswith("val") and folder.truth is None:
            raise DataError(
                f"data.{name}: {folder.images} is given without truth; add the full masks"
            )
    return [video for folder in folders for video in list_videos(folder)]
