"""A run in which one step goes wrong: it stops, saves nothing of it, and goes on from before."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pvuw.cli import main

ROOT = Path(__file__).parents[2]

SHORT = ("--trainer.max_epochs", 2, "--data.clip.clips_per_epoch", 6, "--data.batch_size", 1,
         "--last_checkpoint.every_n_train_steps", 3, "--trainer.limit_val_batches", 0,
         "--trainer.log_every_n_steps", 50)  # fmt: skip


def breaking(step, **how):
    words = ["--trainer.callbacks+=tests.helpers.breaker.Breaker"]
    for name, value in {"step": step, **how}.items():
        words += [f"--trainer.callbacks.{name}", str(value)]
    return words


def saved(out):
    content = torch.load(out / "checkpoints" / "last.ckpt", weights_only=True)
    weights = content["state_dict"].values()
    assert all(w.isfinite().all() for w in weights if w.is_floating_point())
    return content["global_step"]


def the_line(text):
    lines = {line for line in text.splitlines() if line.startswith("pvuw: error")}
    assert len(lines) == 1
    return lines.pop()


@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_a_broken_run_stops_and_goes_on_from_its_last_good_checkpoint(what, nano, tmp_path, capsys):
    out = tmp_path / "run"
    fit = [str(word) for word in nano("fit", "--out", out, *SHORT)]
    assert main([*fit, *breaking(4, what=what)]) == 2
    line = the_line(capsys.readouterr().err)
    assert f"the {what} is not finite in step 4 (" in line
    assert f"the last good checkpoint is {out}/checkpoints/last.ckpt" in line
    assert "frames" in line
    assert saved(out) == 3
    assert main([*fit, "--ckpt_path", "last"]) == 0
    assert saved(out) == 12


@pytest.mark.slow
def test_two_processes_stop_together_where_one_is_broken(nano, tmp_path):
    out = tmp_path / "run"
    words = nano("fit", "--out", out, *SHORT, "--trainer.devices", 2, "--trainer.strategy",
                 "ddp_find_unused_parameters_true", *breaking(2, rank=1))  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "pvuw", *words],
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 2, done.stderr
    line = the_line(done.stderr)
    assert "the loss is not finite in step 2 (loss nan" in line
    assert "Traceback" not in done.stderr
    assert not list(out.rglob("*.ckpt"))
