"""A Weights & Biases run that survives interruptions and keeps the checkpoints it made."""

from pathlib import Path
from typing import Any, Literal

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.trainer.states import TrainerFn

from callbacks.last_checkpoint import LastCheckpoint
from callbacks.wandb_media import wandb_logger

_BEST_IS_HIGHEST = ("val/jf", "val/j", "val/f")


class WandbRun(Callback):
    """Keeps the run's id in every checkpoint and its best and last checkpoint as artifacts.

    `pvuw fit --ckpt_path last` continues the W&B run whose id the checkpoint holds. The artifact
    `model-<run id>` is logged when training ends, be it by an error or Ctrl-C, in offline mode too:
    `wandb sync` uploads it later. Does nothing unless a `WandbLogger` is among the loggers.

    Args:
        artifacts: Which checkpoints are kept, `best` and `last`; `[]` keeps none. They hold the
            optimizer's state and are three times as large as the weights.
    """

    def __init__(self, artifacts: list[Literal["best", "last"]] | None = None) -> None:
        self.artifacts = ["best", "last"] if artifacts is None else list(artifacts)
        self._run_id: str | None = None

    @property
    def state_key(self) -> str:
        """A plain name, by which `run_id_in` finds the state in a checkpoint."""
        return "WandbRun"

    def state_dict(self) -> dict[str, Any]:
        """The id of the run."""
        return {"run_id": self._run_id}

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note the id, and have W&B's summary show the best score instead of the last."""
        del pl_module
        logger = wandb_logger(trainer)
        if logger is None or not trainer.is_global_zero:
            return
        self._run_id = logger.experiment.id
        for name in _BEST_IS_HIGHEST:
            logger.experiment.define_metric(
                name, step_metric="trainer/global_step", step_sync=True, summary="max"
            )

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the checkpoints."""
        del pl_module
        self._log_artifacts(trainer)

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Keep what there is of the checkpoints of a run that broke off."""
        del pl_module, exception
        if trainer.state.fn == TrainerFn.FITTING:
            self._log_artifacts(trainer)

    def _log_artifacts(self, trainer: Trainer) -> None:
        logger = wandb_logger(trainer)
        if logger is None or not trainer.is_global_zero:
            return
        import wandb

        for name in self.artifacts:
            path = _best_path(trainer) if name == "best" else _last_path(trainer)
            if path is None or not path.is_file():
                continue
            artifact = wandb.Artifact(
                f"model-{logger.experiment.id}",
                type="model",
                metadata={"checkpoint": name, "step": trainer.global_step, **_score(trainer, name)},
            )
            artifact.add_file(str(path), name=path.name)
            logger.experiment.log_artifact(artifact, aliases=[name])


def run_id_in(checkpoint: Path) -> str | None:
    """The id of the W&B run a checkpoint was saved in; None where there was none."""
    content = torch.load(checkpoint, map_location="cpu", mmap=True, weights_only=True)
    run_id = content.get("callbacks", {}).get("WandbRun", {}).get("run_id")
    return None if run_id is None else str(run_id)


def _best_path(trainer: Trainer) -> Path | None:
    path = getattr(trainer.checkpoint_callback, "best_model_path", "")
    return Path(path) if path else None


def _last_path(trainer: Trainer) -> Path | None:
    # ModelCheckpoint is a Checkpoint as well; ours is the one that keeps `last.ckpt`.
    for callback in trainer.callbacks:  # type: ignore[attr-defined]  # set by a connector
        if isinstance(callback, LastCheckpoint) and callback.dirpath is not None:
            return callback.dirpath / "last.ckpt"
    return None


def _score(trainer: Trainer, name: str) -> dict[str, float]:
    best = getattr(trainer.checkpoint_callback, "best_model_score", None)
    return {"val/jf": float(best)} if name == "best" and best is not None else {}
