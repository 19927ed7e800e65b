"""Progress bars that say in words what is running, and count frames instead of videos."""

import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import TQDMProgressBar

from callbacks.sinks import done_queries, frame_sinks
from pvuw.types import FramePrediction, FrameWriter

_LOG_FILE_REFRESH = 50  # a bar in a log file is one line per refresh


def _count_frames(
    loaders: Any, limits: Sequence[int | float], *, without: Collection[str] = ()
) -> int:
    """Frames of the queries of each of the trainer's loaders, of as many videos as its limit says.

    Args:
        loaders: A loader of videos' queries, or several by the name of their set.
        limits: Most videos of each.
        without: Ids of queries that are left out.
    """
    each: Iterable[Iterable[Any]]
    each = loaders.values() if isinstance(loaders, Mapping) else [loaders or ()]
    return sum(
        len(query.video)
        for loader, limit in zip(each, limits, strict=True)
        for queries in islice(loader, int(limit))
        for query in queries
        if query.query_id not in without
    )


class VideoProgressBar(TQDMProgressBar):
    """One bar per stage: training counts batches, validation and prediction count frames.

    In a log file the bars are written every 50 updates instead of every one.
    """

    def __init__(self) -> None:
        super().__init__(refresh_rate=1 if sys.stdout.isatty() else _LOG_FILE_REFRESH)
        self._frame_bar: Any = None
        self._verb = ""

    def on_train_epoch_start(self, trainer: Trainer, *args: Any) -> None:
        """Name the epoch."""
        super().on_train_epoch_start(trainer, *args)
        last = trainer.max_epochs if trainer.max_epochs and trainer.max_epochs > 0 else "?"
        self.train_progress_bar.set_description(
            f"Fine-tuning, epoch {trainer.current_epoch + 1} of {last}", refresh=False
        )

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Count validation frames."""
        super().on_validation_start(trainer, pl_module)
        frames = _count_frames(trainer.val_dataloaders, trainer.num_val_batches)
        self._listen(pl_module, self.val_progress_bar, verb="Measuring J&F on", frames=frames)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Close the bar."""
        self._unlisten(pl_module)
        super().on_validation_end(trainer, pl_module)

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Count test frames."""
        super().on_test_start(trainer, pl_module)
        frames = _count_frames(trainer.test_dataloaders, trainer.num_test_batches)
        self._listen(pl_module, self.test_progress_bar, verb="Measuring J&F on", frames=frames)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Close the bar."""
        self._unlisten(pl_module)
        super().on_test_end(trainer, pl_module)

    def on_predict_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Count the frames to predict; at `on_predict_start` not all callbacks have their say."""
        frames = _count_frames(
            trainer.predict_dataloaders,
            trainer.num_predict_batches,
            without=done_queries(pl_module),
        )
        self._listen(pl_module, self.predict_progress_bar, verb="Predicting", frames=frames)

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Close the bar."""
        self._unlisten(pl_module)
        super().on_predict_end(trainer, pl_module)

    def _leave_bar_to_frames(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing per video; `write` counts its frames."""

    on_validation_batch_start = on_validation_batch_end = _leave_bar_to_frames
    on_test_batch_start = on_test_batch_end = _leave_bar_to_frames
    on_predict_batch_start = on_predict_batch_end = _leave_bar_to_frames

    @contextmanager
    def open(self, query_id: str, num_frames: int) -> Iterator[FrameWriter]:
        """Show what is running, and count its frames."""
        del num_frames
        self._frame_bar.set_description(f"{self._verb} {query_id}", refresh=False)
        yield self._count

    def _count(self, prediction: FramePrediction) -> None:
        del prediction
        bar = self._frame_bar
        bar.n += 1
        if bar.n % self.refresh_rate == 0 or bar.n == bar.total:
            bar.refresh()

    def _listen(self, pl_module: LightningModule, bar: Any, *, verb: str, frames: int) -> None:
        self._frame_bar, self._verb = bar, verb
        bar.reset(total=frames)
        bar.unit = "frame"
        frame_sinks(pl_module).append(self)

    def _unlisten(self, pl_module: LightningModule) -> None:
        frame_sinks(pl_module).remove(self)
        self._frame_bar = None
