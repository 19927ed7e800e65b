"""Overlays of prediction and ground truth in Weights & Biases, on the same frames every time."""

from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import WandbLogger
from torch import Tensor

from callbacks.sinks import frame_sinks
from pvuw.types import FramePrediction


def _shrink(image: Tensor, max_side: int) -> Tensor:
    """Every k-th pixel of `[..., H, W]`, with the smallest k that fits: exact for id maps."""
    step = -(-max(image.shape[-2:]) // max_side)
    return image[..., ::step, ::step]


class WandbPanels(Callback):
    """Logs a fixed set of validation frames with prediction and truth masks to W&B.

    Does nothing unless a `WandbLogger` is among the trainer's loggers. Runs on the first process;
    the panels share the `trainer/global_step` axis with the scalars.

    Args:
        num_videos: Videos shown, the first of the validation set.
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
        self._seen_videos = 0
        self._wanted: set[int] = set()
        self._video_id = ""
        self._images: list[Any] = []

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Listen to validation frames."""
        if self._logger(trainer) is not None:
            self._seen_videos, self._images = 0, []
            frame_sinks(pl_module).append(self)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Send the collected panels, aligned to the training step."""
        logger = self._logger(trainer)
        if logger is None:
            return
        frame_sinks(pl_module).remove(self)
        if self._images:
            # Not log_image: it wraps every image once more, which drops the masks (wandb 0.31).
            panels: dict[str, Any] = {"val/overlays": self._images}
            logger.log_metrics(panels, step=trainer.global_step)
        self._images = []

    def start_video(self, video_id: str, num_frames: int) -> None:
        """Choose the frames of a video: evenly spread, ends included."""
        self._seen_videos += 1
        self._video_id = video_id
        count = min(self.frames_per_video, num_frames)
        spread = torch.linspace(0, num_frames - 1, count).round().int().tolist()
        self._wanted = set(spread) if self._seen_videos <= self.num_videos else set()

    def write(self, prediction: FramePrediction) -> None:
        """Keep a chosen frame as a W&B image."""
        if prediction.frame_idx not in self._wanted:
            return
        import wandb

        ids = prediction.output.object_ids
        labels = {0: "background"} | {i: f"object {i}" for i in ids}
        layers = {"prediction": prediction.id_map, "ground_truth": prediction.truth}
        masks = {
            name: {"mask_data": _shrink(layer, self.max_side).numpy(), "class_labels": labels}
            for name, layer in layers.items()
            if layer is not None
        }
        pixels = _shrink(prediction.frame, self.max_side).permute(1, 2, 0).numpy()
        caption = f"{self._video_id} {prediction.frame_name}"
        self._images.append(wandb.Image(pixels, masks=masks, caption=caption, file_type="jpg"))

    def finish_video(self, error: str | None) -> None:
        """Nothing to close."""

    @staticmethod
    def _logger(trainer: Trainer) -> WandbLogger | None:
        if trainer.sanity_checking or not trainer.is_global_zero:
            return None
        return next((lg for lg in trainer.loggers if isinstance(lg, WandbLogger)), None)
