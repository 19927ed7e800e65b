"""Overlays of prediction and ground truth in Weights & Biases, on the same frames every time."""

from collections.abc import Mapping
from itertools import islice
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from callbacks.sinks import frame_sinks
from callbacks.wandb_media import is_rehearsal, overlay_image, shrink_prediction, wandb_logger
from pvuw.types import FramePrediction


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
        self._videos: set[str] = set()
        self._frames: set[int] = set()
        self._video_id = ""
        self._images: list[Any] = []

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Choose the videos and listen to their frames."""
        if self._is_shown(trainer):
            self._videos, self._images = self._choose(trainer.val_dataloaders), []
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

    def start_video(self, video_id: str, num_frames: int) -> None:
        """Choose the frames of a video: evenly spread, ends included."""
        self._video_id = video_id
        count = min(self.frames_per_video, num_frames)
        spread = torch.linspace(0, num_frames - 1, count).round().int().tolist()
        self._frames = set(spread) if video_id in self._videos else set()

    def write(self, prediction: FramePrediction) -> None:
        """Keep a chosen frame as a W&B image."""
        if prediction.frame_idx in self._frames:
            small = shrink_prediction(prediction, self.max_side)
            caption = f"{self._video_id} {prediction.frame_name}"
            self._images.append(overlay_image(small, caption=caption))

    def finish_video(self, error: str | None) -> None:
        """Nothing to close."""

    def _choose(self, loaders: Any) -> set[str]:
        """Names of the first videos of each set, at least one of each."""
        sets = list(loaders.values()) if isinstance(loaders, Mapping) else [loaders]
        each = max(1, self.num_videos // len(sets))
        return {video.video_id for loader in sets for video in islice(loader, each)}

    @staticmethod
    def _is_shown(trainer: Trainer) -> bool:
        return (
            trainer.is_global_zero
            and not is_rehearsal(trainer)
            and wandb_logger(trainer) is not None
        )
