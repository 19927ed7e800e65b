"""MOSE+: a folder that `pvuw mose-plus` built, or its sources read where they lie."""

from collections.abc import Sequence
from pathlib import Path

from datamodules.augment import ClipAugment
from datamodules.clip_sampling import ClipConfig
from datamodules.mixing import TrainPool, TrainSource, pools_in_place, pools_of_build
from datamodules.mose import MOSEDataModule
from pvuw.errors import DataError
from pvuw.io.listing import VideoFolder
from pvuw.io.videos import Video

_CLIP = ClipConfig()


class MOSEPlusDataModule(MOSEDataModule):
    """Clips of several sources, each with its exact part of every epoch (docs/data.md).

    With `root` given, the build's `train` is trained on, by source as its manifest says; its
    `valid` is validated and predicted as by `MOSEDataModule`. With `sources` given these are
    trained on instead, without a copy. Reading them in place checks nothing: what evaluation must
    not meet, and what two sources share, is only kept apart by `exclude` or by building.

    Videos too short for a clip, or without any object, are left out with a warning.

    Args:
        root: Folder that `pvuw mose-plus` built.
        sources: Train on these instead of `root/train`.
        weights: With `root`: part of each source in every epoch, by name, relative to the sum;
            default: every video comes equally often.
        index: With `sources`: folder of the index files that make the next start fast.
        val: Videos to score; `annotations` holds the prompts, `truth` what is scored against.
        val_sets: Several sets to score instead of `val`, by the name their scores are logged under;
            each as `val`, or a folder in MOSE's layout whose `valid` has ground truth.
        val_limit: Videos of each validation set that are scored, evenly spread over its sorted
            list; none: all.
        predict: Videos to predict; `annotations` holds the prompts.
        clip: How training clips are cut; `clips_per_epoch` is shared out over the sources.
        batch_size: Clips of a training batch of one process.
        num_workers: Processes that read training clips, and list sources; 0 reads in the main
            process. They never change which clips come.
        seed: Decides, with epoch and index, every training clip and its augmentation.
        augment: Augments training batches on their device; none: clips stay as they are cut.
    """

    def __init__(
        self,
        root: Path | None = None,
        *,
        sources: list[TrainSource] | None = None,
        weights: dict[str, float] | None = None,
        index: Path = Path("cache/index"),
        val: VideoFolder | list[VideoFolder] | None = None,
        val_sets: dict[str, VideoFolder | Path] | None = None,
        val_limit: int | None = None,
        predict: VideoFolder | list[VideoFolder] | None = None,
        clip: ClipConfig = _CLIP,
        batch_size: int = 1,
        num_workers: int = 2,
        seed: int = 0,
        augment: ClipAugment | None = None,
    ) -> None:
        super().__init__(
            root,
            val=val,
            val_sets=val_sets,
            val_limit=val_limit,
            predict=predict,
            clip=clip,
            batch_size=batch_size,
            num_workers=num_workers,
            seed=seed,
            augment=augment,
        )
        if sources and weights:
            raise ValueError("data.weights belongs to data.root; give each of data.sources its own")
        self.sources = sources
        self.weights = weights
        self.index = index

    def prepare_data(self) -> None:
        """List the sources in one process before the others read the index it leaves."""
        if self.others_wait_to_fit:
            for source in self.sources or []:
                source.records(index=self.index, workers=self.num_workers)

    def train_videos(self) -> Sequence[Video]:
        """Return the videos of all sources."""
        return [video for _, videos in self.train_pools() for video in videos]

    def train_pools(self) -> list[TrainPool]:
        """Return the videos by source.

        Raises:
            DataError: If sources, build, manifest or weights cannot be used as they are.
        """
        if self.sources:
            return pools_in_place(
                self.sources,
                num_frames=self.clip.num_frames,
                index=self.index,
                workers=self.num_workers,
            )
        if self.root is None:
            raise DataError(
                "data.root: not given; name a folder that `pvuw mose-plus` built, or the sources "
                "themselves (data.sources)"
            )
        return pools_of_build(self.root, weights=self.weights, num_frames=self.clip.num_frames)
