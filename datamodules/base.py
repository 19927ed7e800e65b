"""What every data module shares: clips to train on, whole videos to validate and predict."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Literal

import cv2
import lightning
import torch
from lightning.pytorch.accelerators import CUDAAccelerator

from datamodules.augment import ClipAugment
from datamodules.clip_order import Pool
from datamodules.clip_sampler import ClipSampler, StartPoint
from datamodules.clip_sampling import ClipConfig
from datamodules.collate import collate_clips
from datamodules.datasets.clips import ClipDataset
from datamodules.datasets.sentence_clips import SentenceClips
from datamodules.datasets.videos import QueryLoader, by_video, shard_videos, spread
from datamodules.resume import ClipLoader, start_point
from pvuw.errors import DataError
from pvuw.io.queries import Query, distinct, require_scorable
from pvuw.io.videos import Video
from pvuw.types import VideoBatch

Clips = ClipDataset | SentenceClips
Stage = Literal["fit", "validate", "test", "predict"]


class SegmentationDataModule(lightning.LightningDataModule, ABC):
    """Training batches are `VideoBatch`, all others a list of the `Query` asked of one video.

    Args:
        clip: How training clips are cut.
        batch_size: Clips of a training batch of one process.
        num_workers: Processes that read training clips; 0 reads them in the main process. They
            never change which clips come.
        seed: Decides, with epoch and index, every training clip and its augmentation.
        augment: Augments training batches on their device; none: clips stay as they are cut.
        val_limit: Videos of each validation set that are scored, evenly spread over its sorted
            list; none: all.
    """

    def __init__(
        self,
        *,
        clip: ClipConfig,
        batch_size: int,
        num_workers: int,
        seed: int,
        augment: ClipAugment | None = None,
        val_limit: int | None = None,
    ) -> None:
        super().__init__()
        for name, value, least in (
            ("batch_size", batch_size, 1),
            ("num_workers", num_workers, 0),
            ("seed", seed, 0),
            ("val_limit", 1 if val_limit is None else val_limit, 1),
        ):
            if value < least:
                raise ValueError(f"data.{name} must be at least {least}, got {value}")
        self.clip = clip
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.seed = seed
        self.augment = augment
        self.val_limit = val_limit
        # With fewer videos than processes some validate or predict nothing, and that is right.
        self.allow_zero_length_dataloader_with_multiple_devices = True
        self._clips: Clips | None = None
        self._val_sets: dict[str, list[list[Query]]] = {}
        self._predicted: list[list[Query]] = []

    def train_videos(self) -> Sequence[Video]:
        """Return the videos clips are cut from.

        Raises:
            DataError: If there is nothing to train on.
        """
        raise DataError(f"{type(self).__name__} has nothing to train on; use another for `fit`")

    @abstractmethod
    def val_queries(self) -> list[Query]:
        """Return what is asked of videos, run whole and scored."""

    def val_sets_of_queries(self) -> dict[str, list[Query]]:
        """Return what is scored, by the name of its set; here one without a name."""
        return {"": self.val_queries()}

    @abstractmethod
    def predict_queries(self) -> list[Query]:
        """Return what is asked of videos, run whole and written."""

    def train_pools(self) -> list[tuple[Pool, Sequence[Video]]]:
        """Return the videos clips are cut from, by what they share of an epoch; here one pool."""
        videos = self.train_videos()
        return [(Pool("training", len(videos)), videos)]

    @property
    def others_wait_to_fit(self) -> bool:
        """Whether a fit of several processes begins, whose others wait for `prepare_data`."""
        trainer = self.trainer
        return trainer is not None and trainer.state.fn == "fit" and trainer.world_size > 1

    def setup(self, stage: str) -> None:
        """List the stage's videos and report everything wrong with them before the run starts."""
        if stage == "fit":
            self._set_up_training()
        if stage in ("validate", "test") or (stage == "fit" and self._validates):
            self._set_up_validation()
        if stage == "predict":
            self._predicted = by_video(distinct(self.predict_queries()))

    def train_clips(self) -> Clips:
        """Return the clips to train on; here cut from `train_pools`, objects by their masks."""
        pools = self.train_pools()
        return ClipDataset(
            [video for _, videos in pools for video in videos],
            self.clip,
            seed=self.seed,
            pools=[pool for pool, _ in pools],
        )

    def _set_up_training(self) -> None:
        self._clips = self.train_clips()
        self._require_one_step(self._clips.order().num_clips)

    def _set_up_validation(self) -> None:
        for name, queries in self.val_sets_of_queries().items():
            videos = by_video(queries)
            shown = videos if self.val_limit is None else spread(videos, self.val_limit)
            asked = [query for video in shown for query in video]
            require_scorable(asked)
            self._val_sets[name] = by_video(distinct(asked))

    def train_dataloader(self) -> ClipLoader:
        """Return batches of clips; after a resume, those that were still to come."""
        assert self._clips is not None, "setup('fit') comes first"
        trainer = self.trainer
        if self.num_workers:
            # Workers are forked and inherit OpenCV's thread pool without its threads: using it or
            # changing its size there can wait forever. So the pool goes before the fork.
            cv2.setNumThreads(1)
        sampler = ClipSampler(
            self._clips,
            self._clips.order(),
            batch_size=self.batch_size,
            rank=self._rank,
            world_size=self._world_size,
            start=StartPoint() if trainer is None else start_point(trainer),
            # Lightning 2.6.6 tells samplers an epoch too many when a run limited by max_steps was
            # resumed at an epoch's end; the trainer's own count is right.
            current_epoch=None if trainer is None else lambda: trainer.current_epoch,
        )
        return ClipLoader(
            self._clips,
            batch_size=self.batch_size,
            sampler=sampler,
            drop_last=True,
            num_workers=self.num_workers,
            persistent_workers=self.num_workers > 0,
            pin_memory=trainer is not None and isinstance(trainer.accelerator, CUDAAccelerator),
            collate_fn=collate_clips,
        )

    def val_dataloader(self) -> QueryLoader | dict[str, QueryLoader]:
        """Return this process's share of the validation videos, by set where sets have names."""
        loaders = {name: self._share(videos) for name, videos in self._val_sets.items()}
        return loaders.get("", loaders)

    def test_dataloader(self) -> QueryLoader | dict[str, QueryLoader]:
        """Return this process's share of the validation videos, by set where sets have names."""
        return self.val_dataloader()

    def predict_dataloader(self) -> QueryLoader:
        """Return this process's share of the videos to predict."""
        return self._share(self._predicted)

    def transfer_batch_to_device(
        self, batch: Any, device: torch.device, dataloader_idx: int
    ) -> Any:
        """Move a batch of clips; queries hold no pixels and stay as they are."""
        if not isinstance(batch, VideoBatch):
            return batch
        return super().transfer_batch_to_device(batch, device, dataloader_idx)

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Augment a batch of clips on its device; whole videos are never augmented."""
        del dataloader_idx
        if self.augment is None or not isinstance(batch, VideoBatch):
            return batch
        return self.augment(batch)

    @property
    def _validates(self) -> bool:
        return self.trainer is None or self.trainer.limit_val_batches != 0

    @property
    def _rank(self) -> int:
        return 0 if self.trainer is None else self.trainer.global_rank

    @property
    def _world_size(self) -> int:
        return 1 if self.trainer is None else self.trainer.world_size

    def _share(self, videos: Sequence[list[Query]]) -> QueryLoader:
        return QueryLoader(shard_videos(videos, rank=self._rank, world_size=self._world_size))

    def _require_one_step(self, num_clips: int) -> None:
        needed = self.batch_size * self._world_size
        if num_clips < needed:
            raise DataError(
                f"an epoch has {num_clips} clips, one step needs {needed} (data.batch_size on each "
                "process); raise data.clip.clips_per_epoch or lower data.batch_size"
            )
