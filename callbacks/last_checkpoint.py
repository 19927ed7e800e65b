"""The checkpoint an interrupted run continues from."""

from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint


class LastCheckpoint(Checkpoint):
    """Keeps `<dirpath>/last.ckpt` up to date: every so many steps and after every epoch.

    The file is replaced in one move, so a run killed while saving still has the one before.

    Args:
        dirpath: Folder of the run's checkpoints; `--out` sets it.
        every_n_train_steps: Optimizer steps between two savings inside an epoch.
    """

    def __init__(self, dirpath: Path | None = None, *, every_n_train_steps: int = 100) -> None:
        if every_n_train_steps < 1:
            raise ValueError(
                f"last_checkpoint.every_n_train_steps must be at least 1, got {every_n_train_steps}"
            )
        self.dirpath = dirpath
        self.every_n_train_steps = every_n_train_steps
        self._saved_at = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start counting from where the run starts."""
        del pl_module
        self._saved_at = trainer.global_step

    def on_train_batch_end(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        """Save if enough steps have gone by."""
        del args, kwargs
        if trainer.global_step - self._saved_at >= self.every_n_train_steps:
            self._save(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save the end of the epoch, validation included."""
        del pl_module
        self._save(trainer)

    def _save(self, trainer: Trainer) -> None:
        if self.dirpath is not None:
            trainer.save_checkpoint(self.dirpath / "last.ckpt", weights_only=False)
            self._saved_at = trainer.global_step
