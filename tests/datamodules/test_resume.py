"""A run that is stopped and continued trains on the clips it would have trained on anyway."""

import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from pvuw.errors import DataError
from tests.datamodules.conftest import Recorder

EVERY_STEP = {"every_n_train_steps": 1}
EPOCH_END = {"save_on_train_epoch_end": True, "every_n_epochs": 1}
VALIDATION_END = {"monitor": "val/jf", "save_on_train_epoch_end": False}


@pytest.fixture
def fit(make_data, make_trainer):
    def fit(*, ckpt_path=None, checkpoint=None, data=None, **options):
        module = Recorder()
        if checkpoint is not None:
            options |= {"callbacks": [checkpoint], "enable_checkpointing": True}
        make_trainer(**options).fit(module, make_data(**(data or {})), ckpt_path=ckpt_path)
        return module.clips

    return fit


def save_all(folder, **when):
    return ModelCheckpoint(dirpath=folder, filename="{step}", save_top_k=-1, **when)


def checkpoints(folder):
    return sorted(folder.glob("*.ckpt"), key=lambda path: int(path.stem.split("=")[1]))


def batches_done(path):
    loops = torch.load(path, weights_only=True)["loops"]["fit_loop"]
    return loops["epoch_loop.batch_progress"]["total"]["processed"]


@pytest.mark.parametrize(
    ("options", "when"),
    [
        ({}, EVERY_STEP),
        ({}, EPOCH_END),
        ({}, VALIDATION_END),
        ({"val_check_interval": 1}, VALIDATION_END),
        ({"limit_train_batches": 2}, EVERY_STEP),
        ({"limit_val_batches": 0, "accumulate_grad_batches": 2}, EVERY_STEP),
        ({"max_steps": 8, "max_epochs": -1}, EPOCH_END),
        ({"max_steps": 8, "max_epochs": -1}, EVERY_STEP),
    ],
)
def test_continuing_anywhere_gives_the_uninterrupted_sequence(fit, tmp_path, options, when):
    clips = fit(checkpoint=save_all(tmp_path / "saved", **when), **options)
    paths = checkpoints(tmp_path / "saved")
    assert len(paths) >= 2
    for path in paths:
        assert fit(ckpt_path=path, **options) == clips[batches_done(path) :], path.name


def test_checkpoints_do_not_change_the_sequence_and_epochs_differ(fit, tmp_path):
    clips = fit()
    assert clips == fit(checkpoint=save_all(tmp_path, **EVERY_STEP))
    assert [clip[:2] for clip in clips] == [(e, b) for e in range(3) for b in range(3)]
    orders = [[clip[2] for clip in clips[start : start + 3]] for start in (0, 3, 6)]
    assert orders[0] != orders[1] != orders[2]
    for order in orders:
        assert len({video_id for batch in order for video_id in batch}) == 6


def test_number_of_workers_changes_nothing_even_when_it_changes_midway(fit, tmp_path):
    clips = fit(checkpoint=save_all(tmp_path, **EVERY_STEP))
    assert fit(data={"num_workers": 2}) == clips
    mid_epoch = checkpoints(tmp_path)[3]
    assert batches_done(mid_epoch) == 4
    assert fit(ckpt_path=mid_epoch, data={"num_workers": 2}) == clips[4:]
    epoch_end = checkpoints(tmp_path)[2]
    assert fit(ckpt_path=epoch_end, data={"num_workers": 1}) == clips[3:]


class Crash(Recorder):
    def training_step(self, batch, batch_idx):
        if len(self.clips) == 4:
            raise KeyError("crash")
        return super().training_step(batch, batch_idx)


def test_batch_a_run_crashed_in_comes_again(fit, make_data, make_trainer, tmp_path):
    trainer = make_trainer()
    with pytest.raises(KeyError, match="crash"):
        trainer.fit(Crash(), make_data())
    trainer.save_checkpoint(tmp_path / "crash.ckpt")
    assert fit(ckpt_path=tmp_path / "crash.ckpt") == fit()[4:]


@pytest.mark.parametrize("change", [{"batch_size": 1}, {"seed": 6}, {"clips": 6}])
def test_other_sequence_inside_an_epoch_is_refused(fit, tmp_path, change):
    fit(checkpoint=save_all(tmp_path, **EVERY_STEP))
    with pytest.raises(DataError, match=r"cannot continue inside epoch 0: .* was \d+, is \d+"):
        fit(ckpt_path=checkpoints(tmp_path)[0], data=change)


def test_other_sequence_is_welcome_at_the_end_of_an_epoch(fit, tmp_path):
    fit(checkpoint=save_all(tmp_path, **EPOCH_END))
    clips = fit(ckpt_path=checkpoints(tmp_path)[0], data={"seed": 6})
    assert clips == fit(data={"seed": 6})[3:]


def test_lightning_has_no_reason_to_warn_about_the_loader(fit, tmp_path, recwarn):
    fit(checkpoint=save_all(tmp_path, **EVERY_STEP))
    fit(ckpt_path=checkpoints(tmp_path)[0])
    assert not [str(w.message) for w in recwarn if "not resumable" in str(w.message)]


def test_overfitting_some_batches_repeats_them(fit):
    clips = fit(overfit_batches=2, max_epochs=2)
    assert [clip[2:] for clip in clips[:2]] == [clip[2:] for clip in clips[2:]]
    assert clips[0][2:] != clips[1][2:]
