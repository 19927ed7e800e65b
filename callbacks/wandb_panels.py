"""Overlays of prediction and ground truth in Weights & Biases, on the same frames every time."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from callbacks.sinks import frame_sinks
from callbacks.wandb_media import is_rehearsal, overlay_image, shrink_prediction, wandb_logger
from pvuw.types import FramePrediction, FrameWriter


class WandbPanels(Callback):
    """Logs a fixed set of validation frames with prediction and truth masks to W&B.

    Does nothing unless a `WandbLogger` is among the trainer's loggers. Runs on the first process;
    the panels share the `trainer/global_step` axis with the scalars.

    Args:
        num_videos: Videos shown, the first of each validation set in equal parts.
        frames_per_video: Frames of each, evenly spread over its length.
        max_side: Longer side of the logged images in pixels; larger frames are subsampled.
    """

    def __init__(
        self, num_videos: int = 4, *, frames_per_video: int = 3, max_side: int = 512
    ) -> None:
        if min(num_videos, frames_per_video, max_side) < 1:
            raise ValueError(
                "wandb_panels: num_videos, frames_per_video and max_side must be at least 1, got "
                f"{num_videos}, {frames_per_video}, {max_side}"
            )
        self.num_videos = num_videos
        self.frames_per_video = frames_per_video
        self.max_side = max_side
        self._queries: set[str] = set()
        self._images: list[Any] = []

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Choose the videos and listen to their frames."""
        if self._is_shown(trainer):
            self._queries, self._images = self._choose(trainer.val_dataloaders), []
            frame_sinks(pl_module).append(self)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Send the collected panels, aligned to the training step."""
        logger = wandb_logger(trainer)
        if logger is None or not self._is_shown(trainer):
            return
        frame_sinks(pl_module).remove(self)
        if self._images:
            # Not log_image: it wraps every image once more, which drops the masks (wandb 0.31).
            panels: dict[str, Any] = {"val/overlays": self._images}
            logger.log_metrics(panels, step=trainer.global_step)
        self._images = []

    @contextmanager
    def open(self, query_id: str, num_frames: int) -> Iterator[FrameWriter]:
        """Keep frames of a chosen video as W&B images: evenly spread, ends included."""
        count = min(self.frames_per_video, num_frames)
        spread = torch.linspace(0, num_frames - 1, count).round().int().tolist()
        frames = set(spread) if query_id in self._queries else set()

        def write(prediction: FramePrediction) -> None:
            if prediction.frame_idx in frames:
                small = shrink_prediction(prediction, self.max_side)
                caption = f"{query_id} {prediction.frame_name}"
                self._images.append(overlay_image(small, caption=caption))

        yield write

    def _choose(self, loaders: Any) -> set[str]:
        """Ids of the queries of the first videos of each set, at least one of each."""
        sets = list(loaders.values()) if isinstance(loaders, Mapping) else [loaders]
        each = max(1, self.num_videos // len(sets))
        videos = [queries for loader in sets for queries in islice(loader, each)]
        return {query.query_id for queries in videos for query in queries}

    @staticmethod
    def _is_shown(trainer: Trainer) -> bool:
        return (
            trainer.is_global_zero
            and not is_rehearsal(trainer)
            and wandb_logger(trainer) is not None
        )
