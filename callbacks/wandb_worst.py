"""A table of the videos that went worst, with their worst frame, in Weights & Biases."""

from dataclasses import dataclass
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, distributed

from callbacks.sinks import frame_sinks, score_sinks
from callbacks.wandb_media import is_rehearsal, overlay_image, shrink_prediction, wandb_logger
from pvuw.types import FramePrediction, ScoredVideo

COLUMNS = ("video", "J&F", "J", "F", "frames", "objects", "worst object", "kinds", "overlay")
"""Columns of the table `val/worst_clips`."""


@dataclass
class Clip:
    """A scored video and the frame of it in which most is wrong."""

    score: ScoredVideo
    worst_frame: FramePrediction | None


class WandbWorst(Callback):
    """Logs the table `val/worst_clips` after every validation: worst video first.

    Its overlay is the frame in which prediction and truth differ most. Does nothing unless a
    `WandbLogger` is among the trainer's loggers; right over any number of processes.

    Args:
        num_videos: Rows of the table.
        max_side: Longer side of the overlays in pixels; larger frames are subsampled.
    """

    def __init__(self, num_videos: int = 10, *, max_side: int = 512) -> None:
        if min(num_videos, max_side) < 1:
            raise ValueError(
                "wandb_worst: num_videos and max_side must be at least 1, got "
                f"{num_videos}, {max_side}"
            )
        self.num_videos = num_videos
        self.max_side = max_side
        self._clips: list[Clip] = []
        self._frame: FramePrediction | None = None
        self._error = -1.0

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Listen to frames and scores, on every process."""
        if wandb_logger(trainer) is not None and not is_rehearsal(trainer):
            self._clips = []
            frame_sinks(pl_module).append(self)
            score_sinks(pl_module).append(self)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Send the worst of all processes, aligned to the training step."""
        logger = wandb_logger(trainer)
        if logger is None or is_rehearsal(trainer):
            return
        frame_sinks(pl_module).remove(self)
        score_sinks(pl_module).remove(self)
        clips = self._worst(_of_all_processes(self._clips))
        if trainer.is_global_zero and clips:
            table: dict[str, Any] = {"val/worst_clips": _table(clips)}
            logger.log_metrics(table, step=trainer.global_step)
        self._clips = []

    def start_video(self, video_id: str, num_frames: int) -> None:
        """Forget the frame kept of the video before."""
        del video_id, num_frames
        self._frame, self._error = None, -1.0

    def write(self, prediction: FramePrediction) -> None:
        """Keep the frame if it is the worst so far."""
        if prediction.truth is None:
            return
        error = _wrong_share(prediction.id_map, prediction.truth)
        if error > self._error:
            self._frame, self._error = shrink_prediction(prediction, self.max_side), error

    def finish_video(self, error: str | None) -> None:
        """Nothing to close: the score follows."""

    def take_score(self, score: ScoredVideo) -> None:
        """Keep the video if it is among the worst so far."""
        if score.object_ids:
            self._clips = self._worst([*self._clips, Clip(score, self._frame)])

    def _worst(self, clips: list[Clip]) -> list[Clip]:
        ranked = sorted(clips, key=lambda clip: (clip.score.jf, clip.score.video_id))
        return ranked[: self.num_videos]


def _wrong_share(id_map: Tensor, truth: Tensor) -> float:
    """Share of the pixels of any object, true or predicted, that are labelled wrongly."""
    either = int(((id_map > 0) | (truth > 0)).sum())
    return int((id_map != truth).sum()) / either if either else 0.0


def _of_all_processes(clips: list[Clip]) -> list[Clip]:
    if not (distributed.is_available() and distributed.is_initialized()):
        return clips
    gathered: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(gathered, clips)
    return [clip for share in gathered for clip in share]


def _table(clips: list[Clip]) -> Any:
    import wandb

    return wandb.Table(columns=[*COLUMNS], data=[_row(clip) for clip in clips])


def _row(clip: Clip) -> list[Any]:
    score, frame = clip.score, clip.worst_frame
    each = [(j + f) / 2 for j, f in zip(score.j, score.f, strict=True)]
    worst = each.index(min(each))
    name = f"{score.data_set}/{score.video_id}" if score.data_set else score.video_id
    return [
        name,
        score.jf,
        sum(score.j) / len(score.j),
        sum(score.f) / len(score.f),
        score.num_frames,
        len(score.object_ids),
        score.object_ids[worst],
        ", ".join(sorted({bucket for found in score.buckets for bucket in found})),
        None if frame is None else overlay_image(frame, caption=f"{name} {frame.frame_name}"),
    ]
