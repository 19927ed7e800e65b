"""Writes predicted masks while the next frames are computed."""

from pathlib import Path

from lightning.pytorch import Callback, LightningModule, Trainer

from callbacks.sinks import frame_sinks
from pvuw.errors import DataError
from pvuw.io.mask_folder import MaskFolder


class MaskWriter(Callback):
    """Writes `<output_dir>/Annotations/<video>/<frame>.png` during `pvuw predict`.

    Args:
        output_dir: The run's folder; `--out` sets it.
        queue_frames: Frames that may wait for the disk before prediction waits for it too.
    """

    def __init__(self, output_dir: Path | None = None, *, queue_frames: int = 16) -> None:
        self.output_dir = output_dir
        self.queue_frames = queue_frames
        self._folder: MaskFolder | None = None

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Open the folder and listen to the module's frames."""
        if self.output_dir is None:
            raise DataError("nowhere to write the masks: give --out FOLDER")
        self._folder = MaskFolder(self.output_dir / "Annotations", queue_frames=self.queue_frames)
        frame_sinks(pl_module).append(self._folder)

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop listening."""
        if self._folder is not None:
            frame_sinks(pl_module).remove(self._folder)
            self._folder = None
