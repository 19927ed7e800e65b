"""What a training step costs and how large its gradient is."""

import time
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch.distributed.tensor import DTensor
from torch.optim import Optimizer

from pvuw.types import VideoBatch

_GIB = 2**30


class TrainingMeter(Callback):
    """Logs gradient norm, rates, times and memory of training, every `log_every_n_steps`.

    - `train/grad_norm`: over all parameters, before clipping.
    - `train/lr_<part>`: peak of the rates in a part of the network, where parts differ.
    - `time/step_ms`, `time/data_ms`: a step, and the wait for its batch before it. On a GPU single
      steps are not told apart exactly; the mean over many is right.
    - `time/frames_per_second`: frames of this process per second of both.
    - `memory/gpu_gib`: most memory in use on the device so far, GiB.
    """

    def __init__(self) -> None:
        self._ended = 0.0
        self._started = 0.0

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Do not count as waiting what came before the epoch."""
        del trainer, pl_module
        self._ended = time.perf_counter()

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """The wait is over."""
        del trainer, pl_module, batch, batch_idx
        self._started = time.perf_counter()

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer
    ) -> None:
        """Log the gradient as it is before it is clipped."""
        if not _is_logged(trainer, trainer.global_step + 1):
            return
        gradients = [p.grad for p in pl_module.parameters() if p.grad is not None]
        if gradients:
            norm = torch.nn.utils.get_total_norm(gradients)
            # Of gradients that are shared out over processes, each knows its part of the sum.
            norm = norm.full_tensor() if isinstance(norm, DTensor) else norm
            pl_module.log("train/grad_norm", norm)
        for part, rate in _rates(optimizer).items():
            pl_module.log(f"train/lr_{part}", rate)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Log the times of the step."""
        del outputs, batch_idx
        now = time.perf_counter()
        waited, took = self._started - self._ended, now - self._started
        self._ended = now
        if not _is_logged(trainer, trainer.global_step):
            return
        values = {"time/data_ms": 1000 * waited, "time/step_ms": 1000 * took}
        if isinstance(batch, VideoBatch):
            frames = batch.frames.shape[0] * batch.num_frames
            values["time/frames_per_second"] = frames / (waited + took)
        if pl_module.device.type == "cuda":
            values["memory/gpu_gib"] = torch.cuda.max_memory_allocated(pl_module.device) / _GIB
        pl_module.log_dict(values)


def _is_logged(trainer: Trainer, step: int) -> bool:
    """Whether Lightning sends to the loggers what is logged in a step, counted from 1."""
    every: int = trainer.log_every_n_steps  # type: ignore[attr-defined]  # set by a connector
    return every > 0 and step % every == 0


def _rates(optimizer: Optimizer) -> dict[str, float]:
    """Highest rate of each part of the network; empty where all have the same."""
    rates: dict[str, float] = {}
    for group in optimizer.param_groups:
        part = str(group.get("name", "all")).split(".")[0]
        rates[part] = max(rates.get(part, 0.0), float(group["lr"]))
    return rates if len(rates) > 1 else {}
