"""Progress bars that say in words what is running, and count frames instead of videos."""

import sys

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import TQDMProgressBar
from lightning.pytorch.callbacks.progress.tqdm_progress import Tqdm
from torch.utils.data import DataLoader

from callbacks.sinks import frame_sinks
from pvuw.types import FramePrediction

_LOG_FILE_REFRESH = 50  # a bar in a log file is one line per refresh


def _count_frames(loader: object) -> int:
    """Frames of all videos of a loader (or list of loaders) whose items have a length."""
    loaders = loader if isinstance(loader, list) else [loader]
    return sum(
        sum(len(video) for video in part.dataset)
        for part in loaders
        if isinstance(part, DataLoader)
    )


class VideoProgressBar(TQDMProgressBar):
    """One bar per stage: training counts batches, validation and prediction count frames.

    In a log file the bars are written every 50 updates instead of every one.
    """

    def __init__(self) -> None:
        super().__init__(refresh_rate=1 if sys.stdout.isatty() else _LOG_FILE_REFRESH)
        self._frame_bar: Tqdm | None = None
        self._verb = ""
        self._since_refresh = 0

    def on_train_epoch_start(self, trainer: Trainer, *args: object) -> None:
        """Name the epoch."""
        super().on_train_epoch_start(trainer, *args)  # type: ignore[arg-type]
        last = trainer.max_epochs if trainer.max_epochs and trainer.max_epochs > 0 else "?"
        self.train_progress_bar.set_description(
            f"Fine-tuning, epoch {trainer.current_epoch + 1} of {last}"
        )

    def on_sanity_check_start(self, *args: object) -> None:
        """Name the look at validation before training."""
        super().on_sanity_check_start(*args)
        trainer, pl_module = args[:2]
        assert isinstance(trainer, Trainer)
        assert isinstance(pl_module, LightningModule)
        frames = _count_frames(trainer.val_dataloaders) if trainer.val_dataloaders else None
        self._listen(pl_module, self.val_progress_bar, verb="Trying validation on", total=frames)

    def on_sanity_check_end(self, *args: object) -> None:
        """Stop counting frames."""
        assert isinstance(args[1], LightningModule)
        self._unlisten(args[1])
        super().on_sanity_check_end(*args)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Count validation frames."""
        super().on_validation_start(trainer, pl_module)
        if not trainer.sanity_checking:
            total = _count_frames(trainer.val_dataloaders)
            self._listen(pl_module, self.val_progress_bar, verb="Measuring J&F on", total=total)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Close the bar."""
        if not trainer.sanity_checking:
            self._unlisten(pl_module)
        super().on_validation_end(trainer, pl_module)

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Count test frames."""
        super().on_test_start(trainer, pl_module)
        total = _count_frames(trainer.test_dataloaders)
        self._listen(pl_module, self.test_progress_bar, verb="Measuring J&F on", total=total)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Close the bar."""
        self._unlisten(pl_module)
        super().on_test_end(trainer, pl_module)

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Count predicted frames."""
        super().on_predict_start(trainer, pl_module)
        total = _count_frames(trainer.predict_dataloaders)
        self._listen(pl_module, self.predict_progress_bar, verb="Predicting", total=total)

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Close the bar."""
        self._unlisten(pl_module)
        super().on_predict_end(trainer, pl_module)

    def on_validation_batch_start(self, *args: object, **kwargs: object) -> None:
        """Leave the bar to the frames."""

    def on_validation_batch_end(self, *args: object, **kwargs: object) -> None:
        """Leave the bar to the frames."""

    def on_test_batch_start(self, *args: object, **kwargs: object) -> None:
        """Leave the bar to the frames."""

    def on_test_batch_end(self, *args: object, **kwargs: object) -> None:
        """Leave the bar to the frames."""

    def on_predict_batch_start(self, *args: object, **kwargs: object) -> None:
        """Leave the bar to the frames."""

    def on_predict_batch_end(self, *args: object, **kwargs: object) -> None:
        """Leave the bar to the frames."""

    def start_video(self, video_id: str, num_frames: int) -> None:
        """Show which video is running."""
        del num_frames
        if self._frame_bar is not None:
            self._frame_bar.set_description(f"{self._verb} {video_id}", refresh=False)

    def write(self, prediction: FramePrediction) -> None:
        """Count a frame."""
        del prediction
        self._since_refresh += 1
        if self._frame_bar is not None:
            self._frame_bar.n += 1
            if (
                self._since_refresh >= self.refresh_rate
                or self._frame_bar.n == self._frame_bar.total
            ):
                self._since_refresh = 0
                self._frame_bar.refresh()

    def finish_video(self, error: str | None) -> None:
        """Nothing to close: the bar runs on over the next video."""

    def _listen(
        self, pl_module: LightningModule, bar: Tqdm, *, verb: str, total: int | None
    ) -> None:
        self._frame_bar, self._verb = bar, verb
        bar.total = total
        bar.unit = "frame"
        frame_sinks(pl_module).append(self)

    def _unlisten(self, pl_module: LightningModule) -> None:
        frame_sinks(pl_module).remove(self)
        self._frame_bar = None
