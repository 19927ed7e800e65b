"""A table of the videos that went worst, with their worst frame, in Weights & Biases."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from callbacks.processes import of_all_processes
from callbacks.sinks import frame_sinks, score_sinks
from callbacks.wandb_media import is_rehearsal, overlay_image, shrink_prediction, wandb_logger
from pvuw.types import FramePrediction, FrameWriter, ScoredQuery

COLUMNS = ("video", "J&F", "J", "F", "frames", "objects", "worst object", "kinds", "overlay")
"""Columns of the table `val/worst_clips`."""


@dataclass
class Clip:
    """A scored query and the frame of it in which most is wrong."""

    score: ScoredQuery
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
        self._frames: dict[str, FramePrediction] = {}

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Listen to frames and scores, on every process."""
        if wandb_logger(trainer) is not None and not is_rehearsal(trainer):
            self._clips, self._frames = [], {}
            frame_sinks(pl_module).append(self)
            score_sinks(pl_module).append(self)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Send the worst of all processes, aligned to the training step."""
        logger = wandb_logger(trainer)
        if logger is None or is_rehearsal(trainer):
            return
        frame_sinks(pl_module).remove(self)
        score_sinks(pl_module).remove(self)
        clips = self._worst(of_all_processes(self._clips))
        if trainer.is_global_zero and clips:
            table: dict[str, Any] = {"val/worst_clips": _table(clips)}
            logger.log_metrics(table, step=trainer.global_step)
        self._clips = []

    @contextmanager
    def open(self, query_id: str, num_frames: int) -> Iterator[FrameWriter]:
        """Keep the frame of a query that is the worst so far, until its score comes."""
        del num_frames
        self._frames.pop(query_id, None)
        worst = -1.0

        def write(prediction: FramePrediction) -> None:
            nonlocal worst
            if prediction.truth is None:
                return
            error = _wrong_share(prediction.id_map, prediction.truth)
            if error > worst:
                worst = error
                self._frames[query_id] = shrink_prediction(prediction, self.max_side)

        yield write

    def take_score(self, score: ScoredQuery) -> None:
        """Keep the query if it is among the worst so far."""
        frame = self._frames.pop(score.query_id, None)
        if score.object_ids:
            self._clips = self._worst([*self._clips, Clip(score, frame)])

    def _worst(self, clips: list[Clip]) -> list[Clip]:
        ranked = sorted(clips, key=lambda clip: (clip.score.jf, clip.score.query_id))
        return ranked[: self.num_videos]


def _wrong_share(id_map: Tensor, truth: Tensor) -> float:
    """Share of the pixels of any object, true or predicted, that are labelled wrongly."""
    either = int(((id_map > 0) | (truth > 0)).sum())
    return int((id_map != truth).sum()) / either if either else 0.0


def _table(clips: list[Clip]) -> Any:
    import wandb

    return wandb.Table(columns=[*COLUMNS], data=[_row(clip) for clip in clips])


def _row(clip: Clip) -> list[Any]:
    score, frame = clip.score, clip.worst_frame
    each = [(j + f) / 2 for j, f in zip(score.j, score.f, strict=True)]
    worst = each.index(min(each))
    name = f"{score.data_set}/{score.query_id}" if score.data_set else score.query_id
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
