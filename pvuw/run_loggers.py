"""Where a run's loggers write, and which Weights & Biases run it is."""

import os
from pathlib import Path
from typing import Any

from jsonargparse import Namespace

from callbacks.wandb_run import run_id_in


def continue_wandb_run(config: Namespace) -> list[Namespace]:
    """Have W&B go on with the run of the checkpoint; the loggers whose id was set for that."""
    loggers = [entry for entry in _wandb_loggers(config.trainer.logger) if not entry.init_args.id]
    # A sweep's agent decides the id of its runs.
    if config.get("ckpt_path") is None or not loggers or "WANDB_RUN_ID" in os.environ:
        return []
    run_id = run_id_in(Path(config.ckpt_path))
    if run_id is None:
        return []
    for entry in loggers:
        entry.init_args.id = run_id
    return loggers


def _wandb_loggers(logger: Any) -> list[Namespace]:
    entries = logger if isinstance(logger, list) else [logger]
    return [
        entry
        for entry in entries
        if isinstance(entry, Namespace) and entry.class_path.endswith("WandbLogger")
    ]


def place_loggers(logger: Any, out: Path) -> Any:
    """The logger configuration with every unset folder set to the run's, W&B named after it."""
    if logger is True or logger is None:
        return [_csv_logger(out)]
    for entry in logger if isinstance(logger, list) else [logger]:
        if not isinstance(entry, Namespace):
            continue
        arguments = entry.init_args
        if arguments.get("save_dir", "") in (".", None, ""):
            arguments.save_dir = str(out)
    for entry in _wandb_loggers(logger):
        arguments = entry.init_args
        out.mkdir(parents=True, exist_ok=True)  # else wandb falls back to a temporary folder
        arguments.project = arguments.project or os.environ.get("WANDB_PROJECT", "pvuw")
        arguments.name = arguments.name or out.name
    return logger


def _csv_logger(out: Path) -> dict[str, Any]:
    return {
        "class_path": "lightning.pytorch.loggers.CSVLogger",
        "init_args": {"save_dir": str(out), "name": "logs"},
    }
