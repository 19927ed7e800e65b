"""A run goes on with another number of processes and another batch size, or says why not."""

import shutil

import pytest
import torch

CLIPS = 8
FIT = ("--data.clip.clips_per_epoch", CLIPS, "--last_checkpoint.every_n_train_steps", 2,
       "--trainer.limit_val_batches", 0, "--data.batch_size")  # fmt: skip


def step_of(out):
    return torch.load(out / "checkpoints" / "last.ckpt", weights_only=False)["global_step"]


@pytest.mark.slow
def test_a_run_goes_on_with_other_processes_and_batches(nano, processes, tmp_path):
    def fit(name, *more, batch, count, of=None):
        """Run `fit` into a folder, continued from a copy of another's; its step and errors."""
        out = tmp_path / name
        if of is not None:
            shutil.copytree(tmp_path / of, out)
            more = (*more, "--ckpt_path", "last")
        words = nano("fit", *FIT, batch, "--out", out, *more)
        ended = processes.run(*words, folder=tmp_path / f"{name}_run", count=count)
        assert len({process.status for process in ended}) == 1, ended
        return ended[0].status, step_of(out), "".join(process.err for process in ended)

    one_epoch, two_epochs = ("--trainer.max_epochs", 1), ("--trainer.max_epochs", 2)
    # Two processes take two of the eight clips a step, and stop after half of the epoch.
    assert fit("half", *one_epoch, "--trainer.max_steps", 2, batch=1, count=2)[:2] == (0, 2)
    # Within an epoch: as many clips a step, whoever takes them, are the same sequence of clips.
    assert fit("alone", *one_epoch, batch=2, count=1, of="half")[:2] == (0, CLIPS // 2)
    status, step, said = fit("other", *one_epoch, batch=2, count=2, of="half")
    assert (status, step) == (2, 2)
    assert (
        said.count("pvuw: error: cannot continue inside epoch 0: clips_per_step was 2, is 4") == 1
    )
    # At the end of an epoch any number of either will do.
    assert fit("whole", *one_epoch, batch=1, count=2, of="half")[:2] == (0, CLIPS // 2)
    assert fit("more", *two_epochs, batch=1, count=1, of="whole")[:2] == (0, CLIPS // 2 + CLIPS)
