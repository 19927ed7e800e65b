"""What of a checkpoint a continued run takes over, and what its own configuration decides."""

from collections.abc import Sequence
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from lightning_modules.optim import ParameterGroup
from pvuw.errors import PvuwError


def require_same_groups(checkpoint: dict[str, Any], groups: Sequence[ParameterGroup]) -> None:
    """Refuse to continue where moments of the optimizer would meet other parameters.

    Args:
        checkpoint: What is about to be restored.
        groups: Those of this run.

    Raises:
        PvuwError: If their number or sizes differ.
    """
    for state in checkpoint.get("optimizer_states", []):
        then = [len(group["params"]) for group in state["param_groups"]]
        now = [len(group.parameters) for group in groups]
        if then != now:
            raise PvuwError(
                f"cannot continue: the checkpoint was trained in {len(then)} parameter groups of "
                f"{sum(then)} tensors, this configuration makes {len(now)} of {sum(now)}; restore "
                "model.optim (image_encoder_lr, layer_decay, no_decay) and model.tuning of that "
                "run, or start a new one from its weights (--start_from.run, --model.net.weights)"
            )


def restate(
    optimizer: Optimizer, scheduler: LambdaLR, groups: Sequence[ParameterGroup], **settings: Any
) -> None:
    """Give an optimizer that was restored the rates and decays this run's configuration says.

    Where nothing was changed the rates stay the same bit for bit: they are computed as the schedule
    computes them.

    Args:
        optimizer: With the moments and, so far, the settings of the checkpoint.
        scheduler: At the step the run goes on from.
        groups: What the configuration says, in the optimizer's order.
        settings: What it says of all groups alike.
    """
    scheduler.base_lrs = [group.lr for group in groups]
    rates = [
        base * factor(scheduler.last_epoch)
        for base, factor in zip(scheduler.base_lrs, scheduler.lr_lambdas, strict=True)
    ]
    for own, group, rate in zip(optimizer.param_groups, groups, rates, strict=True):
        own.update(lr=rate, initial_lr=group.lr, weight_decay=group.weight_decay, **settings)
    scheduler._last_lr = rates  # what `get_last_lr` returns until the next step


def reopen_epoch(loops: dict[str, Any]) -> None:
    """Let an epoch that ended early go on, where a checkpoint counts it as done.

    A run that `max_steps`, a time limit or early stopping ends inside an epoch runs that epoch's
    last hooks, and a checkpoint saved in one of these says that the epoch was processed. Lightning
    2.6.6 would continue with the next one, and the clips in between would never come.

    Args:
        loops: `checkpoint["loops"]`; changed in place.
    """
    fit = loops.get("fit_loop", {})
    batches = fit.get("epoch_loop.batch_progress", {})
    epochs = fit.get("epoch_progress", {})
    if not batches or batches["is_last_batch"] or batches["current"]["processed"] == 0:
        return
    for counts in (epochs["current"], epochs["total"]):
        if counts["processed"] == counts["started"]:
            counts["completed"] = min(counts["completed"], counts["started"] - 1)
            counts["processed"] = counts["started"] - 1
