"""Keeps probabilities of predicted frames for ensembles."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from callbacks.sinks import frame_sinks
from pvuw.errors import DataError
from pvuw.io.probabilities import FrameEntry, ProbabilityWriter, probability_file
from pvuw.ops.id_maps import resize_logits
from pvuw.ops.probabilities import probabilities
from pvuw.types import FramePrediction, FrameWriter


class ProbabilityFolder:
    """Writes `<root>/<query id>.zip`; a `ResultSink`. See `pvuw.io.probabilities` for the format.

    Args:
        root: The folder of all videos; made if missing.
        max_side: Longer side of the maps in pixels; larger ones are reduced.
    """

    def __init__(self, root: Path, *, max_side: int) -> None:
        self.root = root
        self.max_side = max_side

    def finished(self) -> set[str]:
        """Ids of the queries that are there."""
        paths = [path.relative_to(self.root) for path in self.root.rglob("*.zip")]
        return {path.with_suffix("").as_posix() for path in paths if path.name[0] != "."}

    @contextmanager
    def open(self, query_id: str, num_frames: int) -> Iterator[FrameWriter]:
        """Take the frames of a query; its file appears with the last one."""
        del num_frames
        with probability_file(self.root / f"{query_id}.zip") as file:
            yield lambda prediction: self._write(file, prediction)

    def _write(self, file: ProbabilityWriter, prediction: FramePrediction) -> None:
        output, frame = prediction.output, prediction.frame
        file.objects_compete = output.objects_compete
        logits = self._reduced(output.mask_logits.float())
        objects, _ = probabilities(logits, objects_compete=output.objects_compete)
        presence = output.presence_logits
        entry = FrameEntry(
            name=prediction.frame_name,
            size_hw=(frame.shape[-2], frame.shape[-1]),
            object_ids=output.object_ids,
            presence=None if presence is None else _plain(presence.sigmoid()),
            predicted_iou=None if output.predicted_iou is None else _plain(output.predicted_iou),
            has_opinion=None if output.has_opinion is None else output.has_opinion.tolist(),
        )
        file.add(entry, objects.cpu().numpy())

    def _reduced(self, mask_logits: Tensor) -> Tensor:
        height, width = mask_logits.shape[-2:]
        factor = self.max_side / max(height, width, 1)
        if factor >= 1:
            return mask_logits
        return resize_logits(mask_logits, (round(height * factor), round(width * factor)))


def _plain(values: Tensor) -> list[float]:
    return [round(value, 4) for value in torch.nan_to_num(values.float()).tolist()]


class ProbabilityKeeper(Callback):
    """Writes `<output_dir>/Probabilities/<query id>.zip` during `pvuw predict` where asked to.

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
        """Listen to the module's frames; a query without its probabilities is not done."""
        if not self.keep:
            return
        if self.output_dir is None:
            raise DataError("nowhere to write the probabilities: give --out FOLDER")
        self._folder = ProbabilityFolder(self.output_dir / "Probabilities", max_side=self.max_side)
        frame_sinks(pl_module).append(self._folder)

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop listening."""
        if self._folder is not None:
            frame_sinks(pl_module).remove(self._folder)
            self._folder = None
