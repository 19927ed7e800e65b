"""Stops a run whose loss or gradient is no finite number any more, before a checkpoint holds it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import torch
from torch import Tensor
from torch.distributed.tensor import DTensor

from pvuw.errors import PvuwError
from pvuw.types import VideoBatch

_MOST_KEPT = 100
"""Steps between two looks where nothing is logged that often."""


@dataclass
class _Noted:
    """What a step was, as numbers on the device that nobody has waited for."""

    step: int
    names: list[str]
    values: Tensor  # float [len(names)]
    clips: tuple[list[str], Tensor] | None = None
    """Video ids and frames `[B, T]` of a loss, and nothing else of the batch, which would stay in
    memory; None where the values are of the gradient, which all clips made."""


class FiniteWatch:
    """Notes loss and gradient of every step on the device, and looks at them now and then.

    Looking waits for the device, so it is done when something is logged anyway, and before anything
    is saved or validated. All processes look at the same steps and stop together.
    """

    def __init__(self) -> None:
        self._noted: list[_Noted] = []

    def note_loss(self, step: int, values: Mapping[str, Tensor], batch: VideoBatch) -> None:
        """Keep a loss and its parts, each a scalar without gradient; the first is what counts."""
        stacked = torch.stack([value.detach().float() for value in values.values()])
        self._noted.append(_Noted(step, list(values), stacked, (batch.video_ids, batch.frame_idx)))

    def note_gradient(self, step: int, norm: Tensor) -> None:
        """Keep the norm of all gradients of an optimizer step, which every process knows."""
        self._noted.append(_Noted(step, ["gradient norm"], norm.detach().float().reshape(1)))

    def look_now_and_then(self, trainer: lightning.Trainer) -> None:
        """Look where the step's values are logged."""
        every: int = trainer.log_every_n_steps  # type: ignore[attr-defined]  # set by a connector
        if trainer.global_step % min(every or _MOST_KEPT, _MOST_KEPT) == 0:
            self.look(trainer)

    def look(self, trainer: lightning.Trainer) -> None:
        """Stop where a value noted since the last look is not finite; all processes have to look.

        Raises:
            PvuwError: The same in all processes: step, loss and its parts, clips, and the last
                checkpoint before it.
        """
        if not self._noted:
            return
        noted, self._noted = self._noted, []
        firsts = [_whole(entry.values)[:1] for entry in noted]
        finite = bool(torch.cat(firsts).isfinite().all())
        if trainer.strategy.reduce_boolean_decision(finite, all=True):
            return
        raise PvuwError(_line(_gathered([_told(entry) for entry in noted]), trainer))


def _whole(values: Tensor) -> Tensor:
    return values.full_tensor() if isinstance(values, DTensor) else values


def _told(entry: _Noted) -> tuple[int, dict[str, float], list[str] | None]:
    """Step, values and clips of what was noted, in numbers and words that travel."""
    values = dict(zip(entry.names, _whole(entry.values).tolist(), strict=True))
    if entry.clips is None:
        return entry.step, values, None
    video_ids, frames = entry.clips
    clips = [
        f"{video_id} frames {min(row)}-{max(row)}"
        for video_id, row in zip(video_ids, frames.tolist(), strict=True)
    ]
    return entry.step, values, clips


_Told = tuple[int, dict[str, float], list[str] | None]


def _gathered(told: list[_Told]) -> list[_Told]:
    """What all processes have to tell."""
    if not torch.distributed.is_initialized():
        return told
    everything: list[Any] = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(everything, told)
    return [entry for each in everything for entry in each]


def _line(told: list[_Told], trainer: lightning.Trainer) -> str:
    """What happened, where, and what there is to go on from."""
    broken = [entry for entry in told if not math.isfinite(next(iter(entry[1].values())))]
    step = min(entry[0] for entry in broken)
    losses = [entry for entry in broken if entry[0] == step and entry[2] is not None]
    what = "loss" if losses else "gradient"
    shown = losses or [entry for entry in told if entry[0] == step and entry[2] is not None]
    clips = ", ".join(clip for _, _, some in shown for clip in some or [])
    values = (losses or broken)[0][1]
    if not losses and shown:
        values = values | shown[0][1]
    numbers = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
    return (
        f"the {what} is not finite in step {step} ({numbers}; clips: {clips}); training stopped, "
        f"nothing of it was saved, {_last_good(trainer)}; lower model.optim.lr or look at the clips"
    )


def _last_good(trainer: lightning.Trainer) -> str:
    """The newest checkpoint of the run; everything that is saved was looked at before."""
    folders = {
        Path(folder)
        for callback in trainer.checkpoint_callbacks
        if (folder := getattr(callback, "dirpath", None)) is not None
    }
    files = sorted(
        (path for folder in folders for path in folder.glob("*.ckpt")),
        key=lambda path: path.stat().st_mtime_ns,
    )
    return f"the last good checkpoint is {files[-1]}" if files else "there is no checkpoint yet"
