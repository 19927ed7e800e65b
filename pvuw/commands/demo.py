"""`pvuw demo`: the whole product in a few minutes on generated video."""

import argparse
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

_RECIPE = "mose/sam2_nano.yaml"
_OVERLAY = "overlays/demo.yaml"
_COLUMNS = 6


class Entry(NamedTuple):
    """One row of the demo's table."""

    name: str
    folder: Path
    """Run folder; its predictions are in `Annotations`."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.description = (
        "Generates videos, fine-tunes a small SAM 2 on them, predicts with it before and after and "
        "with the copy-the-first-mask baseline, scores all three and draws them."
    )
    parser.add_argument(
        "--out", type=Path, default=Path("demo"), help="folder for everything (default: demo)"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the videos (default: 0)")


def run(args: argparse.Namespace) -> int:
    """Run the demo; 0 if fine-tuning beat both other rows."""
    out: Path = args.out
    data = out / "data"
    started = time.monotonic()
    _pvuw("sample", data, "--seed", args.seed, "--size", 180, 320, "--videos", 24, "--valid", 6)
    entries = [
        Entry("copy the first mask", out / "copy_first"),
        Entry("before fine-tuning", out / "before"),
        Entry("after fine-tuning", out / "run"),
    ]
    _discard_old_runs(entries)
    recipe = ["--config", _RECIPE, "--config", _OVERLAY, "--data.root", data]
    copy, before, after = (["--out", entry.folder] for entry in entries)
    _pvuw("predict", "--config", "mose/copy_first.yaml", "--data.root", data, *copy)
    _pvuw("predict", *recipe, *before)
    _pvuw("fit", *recipe, *after)
    _pvuw("predict", *recipe, *after, "--ckpt_path", "best")
    truth = data / "valid" / "GroundTruth"
    scores = [_score(truth, entry.folder / "Annotations") for entry in entries]
    pictures = _draw(data, entries, out / "pictures")
    ...
    return 0
