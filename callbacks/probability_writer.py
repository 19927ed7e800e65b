"""Keeps probabilities of predicted frames for ensembles."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from callbacks.sinks import done_videos, frame_sinks
from pvuw.errors import DataError
from pvuw.io.probabilities import FrameEntry, ProbabilityWriter, probability_file
from pvuw.ops.id_maps import resize_logits
from pvuw.ops.probabilities import probabilities
from pvuw.types import FramePrediction


class ProbabilityFolder:
    """Writes `<root>/<video>.zip`; a `FrameSink`. See `pvuw.io.probabilities` for the format.

    Args:
        root: The folder of all videos; made if missing.
        max_side: Longer side of the maps in pixels; larger ones are reduced.
    """

    def __init__(self, root: Path, *, max_side: int) -> None:
        self.root = root
        self.max_side = max_side
        self._open: AbstractContextManager[ProbabilityWriter] | None = None
        self._add: Callable[[FramePrediction], None] | None = None

    def finished(self) -> set[str]:
        """Names of the videos that are there."""
        return {path.stem for path in self.root.glob("*.zip") if path.name[0] != "."}

    def start_video(self, video_id: str, num_frames: int) -> None:
        """Open the video's file."""
        del num_frames
        self._open = probability_file(self.root / f"{video_id}.zip")
        writer = self._open.__enter__()
        self._add = lambda prediction: self._write(writer, prediction)

    def write(self, prediction: FramePrediction) -> None:
        """Add a frame."""
        assert self._add is not None, "start_video comes first"
        self._add(prediction)

    def finish_video(self, error: str | None) -> None:
        """Give the file its name, or drop it after an error."""
        opened, self._open, self._add = self._open, None, None
        if opened is None:
            return
        if error is None:
            opened.__exit__(None, None, None)
            return
        dropped = DataError(error)
        try:
            opened.__exit__(type(dropped), dropped, None)
        except DataError as raised:
            if raised is not dropped:
                raise

    def _write(self, writer: ProbabilityWriter, prediction: FramePrediction) -> None:
        output, frame = prediction.output, prediction.frame
        writer.objects_compete = prediction.objects_compete
        logits = self._reduced(output.mask_logits.float())
        objects, _ = probabilities(logits, objects_compete=prediction.objects_compete)
        presence = output.presence_logits
        entry = FrameEntry(
            name=prediction.frame_name,
            size_hw=(frame.shape[-2], frame.shape[-1]),
            object_ids=output.object_ids,
            presence=None if presence is None else _plain(presence.sigmoid()),
            predicted_iou=None if output.predicted_iou is None else _plain(output.predicted_iou),
            has_opinion=None if output.has_opinion is None else output.has_opinion.tolist(),
        )
        writer.add(entry, objects.cpu().numpy())

    def _reduced(self, mask_logits: Tensor) -> Tensor:
        height, width = mask_logits.shape[-2:]
        factor = self.max_side / max(height, width, 1)
        if factor >= 1:
            return mask_logits
        return resize_logits(mask_logits, (round(height * factor), round(width * factor)))


def _plain(values: Tensor) -> list[float]:
    return [round(value, 4) for value in torch.nan_to_num(values.float()).tolist()]


class ProbabilityKeeper(Callback):
    """Writes `<output_dir>/Probabilities/<video>.zip` during `pvuw predict` where asked to.

    Args:
        output_dir: The run's folder; `--out` sets it.
        keep: Whether to.
        max_side: Longer side of the maps in pixels.
    """

    def __init__(
        self, output_dir: Path | None = None, *, keep: bool = False, max_side: int = 480
    ) -> None:
        if max_side < 1:
            raise ValueError(f"probabilities.max_side must be at least 1, got {max_side}")
        self.output_dir = output_dir
        self.keep = keep
        self.max_side = max_side
        self._folder: ProbabilityFolder | None = None

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Listen to the module's frames; a video without its probabilities is not done."""
        if not self.keep:
            return
        if self.output_dir is None:
            raise DataError("nowhere to write the probabilities: give --out FOLDER")
        self._folder = ProbabilityFolder(self.output_dir / "Probabilities", max_side=self.max_side)
        done_videos(pl_module).intersection_update(self._folder.finished())
        # First, so that a video's masks, which say that it is done, appear after its probabilities.
        frame_sinks(pl_module).insert(0, self._folder)

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop listening."""
        if self._folder is not None:
            frame_sinks(pl_module).remove(self._folder)
            self._folder = None
