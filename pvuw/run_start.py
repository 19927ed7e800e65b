"""Which checkpoint a run starts from: its own, or one of another run."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pvuw.errors import PvuwError

_NAMES = ("best", "last")


@dataclass
class StartFrom:
    """Another run whose weights this one starts from; optimizer and schedule begin afresh."""

    run: Path | None = None
    """Folder of that run, its `--out`; null: start from the network's own weights."""
    recipe: str | None = None
    """Recipe that makes it, for the message where it is missing."""
    checkpoint: Literal["best", "last"] = "best"
    """Which of its checkpoints: the best one of its validations, or the one at its end."""


def resolve_checkpoint(name: str | None, out: Path, *, command: str) -> str | None:
    """The file behind `--ckpt_path`; `best` and `last` mean this run's own.

    A `fit` told to continue from `last` starts afresh where there is none yet, so that a
    pre-empted job can always be started with the same command.

    Raises:
        PvuwError: If the file does not exist.
    """
    if name is None:
        return None
    path = out / "checkpoints" / f"{name}.ckpt" if name in _NAMES else Path(name)
    if path.is_file():
        return str(path)
    if name == "last" and command == "fit":
        print(f"pvuw: no {path} to continue from, starting afresh", file=sys.stderr)
        return None
    if path.is_dir():
        inside = path / "checkpoints" if (path / "checkpoints").is_dir() else path
        raise PvuwError(f"--ckpt_path {name}: a folder; name a file, {_what_holds(inside)}")
    raise PvuwError(f"--ckpt_path {name}: {path} does not exist; {_what_holds(path.parent)}")


def refuse_other_run(out: Path, ckpt_path: str | None) -> None:
    """Stop a `fit` that would replace the checkpoints of a run it does not continue.

    Args:
        out: The run's folder.
        ckpt_path: Checkpoint the fit goes on from, None where it starts afresh.

    Raises:
        PvuwError: If the folder holds checkpoints and none of these is continued.
    """
    folder = out / "checkpoints"
    if ckpt_path is not None and Path(ckpt_path).resolve().parent == folder.resolve():
        return
    there = sorted(folder.glob("*.ckpt"))
    if there:
        named = next((name for name in ("last", "best") if folder / f"{name}.ckpt" in there), None)
        raise PvuwError(
            f"--out {out}: holds another run, which this would replace ({_what_holds(folder)}); "
            f"go on with it by --ckpt_path {named or there[-1]}, or name a new folder with --out"
        )


def weights_of_run(start: StartFrom, *, root: Path | None) -> Path | None:
    """The file of weights to start from; None where no run is named.

    Args:
        start: Which run.
        root: Data folder of this run, for the command in the message.

    Raises:
        PvuwError: If the run has no such checkpoint.
    """
    if start.run is None:
        return None
    folder = start.run / "checkpoints"
    chosen = folder / f"{start.checkpoint}.ckpt"
    if chosen.is_file():
        return chosen
    make_it = ""
    if start.recipe is not None:
        data = "" if root is None else f" --data.root {root}"
        make_it = f"run `pvuw fit --config {start.recipe}{data} --out {start.run}` first or "
    raise PvuwError(
        f"start_from.run {start.run}: no {chosen} to start from, {_what_holds(folder)}; "
        f"{make_it}name another run with --start_from.run FOLDER"
    )


def _what_holds(folder: Path) -> str:
    there = ", ".join(sorted(path.name for path in folder.glob("*.ckpt"))) or "no checkpoint"
    return f"{folder} holds {there}"
