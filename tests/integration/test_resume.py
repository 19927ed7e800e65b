"""kill -9 in mid-epoch, then `--ckpt_path last`: the same final weights, bit for bit."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]
STEPS = ("--trainer.max_epochs", 3, "--data.clip.clips_per_epoch", 10, "--data.batch_size", 1,
         "--last_checkpoint.every_n_train_steps", 3, "--trainer.limit_val_batches", 0,
         "--data.num_workers", 1)  # fmt: skip


def command(nano, out, *more):
    return [sys.executable, "-m", "pvuw", *nano("fit", "--out", out, *STEPS, *more)]


def final_state(out):
    return torch.load(out / "checkpoints" / "last.ckpt", weights_only=False, map_location="cpu")


@pytest.mark.slow
def test_killed_run_continues_to_the_same_weights(nano, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "1"}
    subprocess.run(command(nano, whole), check=True, env=environment, capture_output=True)

    # Epochs have 10 steps and every third is saved, so this is in the middle of the second epoch
    # and two steps after the newest checkpoint.
    power_cut = ("--trainer.callbacks+=tests.helpers.killer.Killer",
                 "--trainer.callbacks.before_step", 15)  # fmt: skip
    done = subprocess.run(
        command(nano, killed, *power_cut),
        env=environment | {"PYTHONPATH": str(ROOT)},
        start_new_session=True,
        capture_output=True,
    )
    assert done.returncode == -signal.SIGKILL
    assert final_state(killed)["global_step"] == 13
    again = command(nano, killed, "--ckpt_path", "last")
    subprocess.run(
        again, check=True, env=environment | {"PYTHONHASHSEED": "2"}, capture_output=True
    )

    expected, resumed = final_state(whole), final_state(killed)
    assert resumed["global_step"] == expected["global_step"] == 30
    assert resumed["epoch"] == expected["epoch"]
    assert expected["state_dict"].keys() == resumed["state_dict"].keys()
    for name, weight in expected["state_dict"].items():
        assert torch.equal(weight, resumed["state_dict"][name]), name
    moments = zip(
        expected["optimizer_states"][0]["state"].values(),
        resumed["optimizer_states"][0]["state"].values(),
        strict=True,
    )
    assert all(torch.equal(a["exp_avg"], b["exp_avg"]) for a, b in moments)
