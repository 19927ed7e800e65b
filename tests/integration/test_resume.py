"""kill -9 again and again, then `--ckpt_path last`: the same final weights, bit for bit."""

import signal

import pytest
import torch

from tests.helpers.processes import environment, pvuw

STEPS = ("--trainer.max_epochs", 3, "--data.clip.clips_per_epoch", 10, "--data.batch_size", 1,
         "--last_checkpoint.every_n_train_steps", 3, "--trainer.limit_val_batches", 0,
         "--data.num_workers", 1)  # fmt: skip
# Steps before which a run is killed: before anything is saved, after a saving and one or two steps
# after one, at the ends of epochs (10 steps of one process, 5 of two), before the very last step.
KILLS = {1: (1, 3, 5, 10, 11, 14, 17, 20, 25, 29), 2: (2, 5, 14)}


def final_state(out):
    return torch.load(out / "checkpoints" / "last.ckpt", weights_only=False, map_location="cpu")


@pytest.mark.slow
@pytest.mark.parametrize("count", KILLS)
def test_a_run_killed_again_and_again_ends_with_the_same_weights(count, nano, processes, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    words = nano("fit", *STEPS)
    if count == 1:  # in an interpreter whose sets have another order
        done = pvuw(*words, "--out", whole, env=environment() | {"PYTHONHASHSEED": "1"})
        assert done.returncode == 0, done.stderr
    else:
        ended = processes.run(*words, "--out", whole, folder=tmp_path / "w", count=count)
        assert [process.status for process in ended] == [0] * count
    words += ["--out", str(killed), "--ckpt_path", "last"]
    for step in KILLS[count]:
        power_cut = ("--trainer.callbacks+=tests.helpers.killer.Killer",
                     "--trainer.callbacks.before_step", step)  # fmt: skip
        ended = processes.run(*words, *power_cut, folder=tmp_path / f"k{step}", count=count)
        assert [process.status for process in ended] == [-signal.SIGKILL] * count, ended[0].err
    ended = processes.run(*words, folder=tmp_path / "last", count=count)
    assert [process.status for process in ended] == [0] * count, ended[0].err

    expected, resumed = final_state(whole), final_state(killed)
    assert resumed["global_step"] == expected["global_step"] == 30 // count
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
