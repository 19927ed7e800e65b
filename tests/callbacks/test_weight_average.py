"""The averaged weights: their formula, where they are used and saved, and exact continuation."""

from types import SimpleNamespace

import lightning
import pytest
import torch
from lightning.pytorch.strategies import ModelParallelStrategy
from torch.utils.data import DataLoader

from callbacks import LastCheckpoint, WeightAverage
from pvuw.errors import PvuwError

DECAY = 0.75  # not its own complement: an exchange of old and new must show


class Line(lightning.LightningModule):
    """Fits a line; remembers its weights after each step and in each validation."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.line = torch.nn.Linear(1, 1)
        self.norm = torch.nn.BatchNorm1d(1)
        self.frozen = torch.nn.Parameter(torch.rand(100), requires_grad=False)
        self.after_step, self.validated = [], []

    def training_step(self, batch, batch_idx):
        return (self.norm(self.line(batch)) - 3 * batch).square().mean()

    def validation_step(self, batch, batch_idx):
        self.validated.append(self.line.weight.item())

    def on_train_batch_end(self, *args):
        self.after_step.append(self.line.weight.item())

    def configure_optimizers(self):
        return torch.optim.AdamW(self.line.parameters(), lr=0.1)


def test_sharded_weights_are_refused():
    trainer = SimpleNamespace(strategy=ModelParallelStrategy())
    with pytest.raises(PvuwError, match=r"overlays/ema\.yaml or overlays/fsdp\.yaml"):
        WeightAverage().setup(trainer, Line(), "fit")


def fit(out, module, *, epochs, ckpt_path=None, saver_first=True):
    callbacks = [LastCheckpoint(out), WeightAverage(DECAY)]
    trainer = lightning.Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        logger=False,
        callbacks=callbacks if saver_first else callbacks[::-1],
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=1,
        default_root_dir=out,
    )
    data = DataLoader(torch.linspace(-1, 1, 12)[:, None], batch_size=4)
    trainer.fit(module, data, DataLoader(torch.ones(1, 1)), ckpt_path=ckpt_path)
    return torch.load(out / "last.ckpt", weights_only=True)


def averages(values):
    average, all_of_them = values[0], [values[0]]
    for value in values[1:]:
        average = DECAY * average + (1 - DECAY) * value
        all_of_them.append(average)
    return all_of_them


@pytest.mark.parametrize("saver_first", [True, False])
def test_the_average_is_validated_and_saved(tmp_path, saver_first):
    module = Line()
    start = module.line.weight.item()
    saved = fit(tmp_path, module, epochs=2, saver_first=saver_first)
    expected = averages(module.after_step)
    assert module.validated == pytest.approx([start, expected[2], expected[5]])
    assert saved["state_dict"]["line.weight"].item() == pytest.approx(expected[-1])
    assert saved["current_model_state"]["line.weight"].item() == module.after_step[-1]
    assert module.line.weight.item() == pytest.approx(expected[-1])  # after the run


def test_what_is_not_trained_keeps_every_bit(tmp_path):
    module = Line()
    frozen = module.frozen.clone()
    saved = fit(tmp_path, module, epochs=3)
    assert torch.equal(saved["state_dict"]["frozen"], frozen)


def test_running_statistics_are_averaged_too(tmp_path):
    saved = fit(tmp_path, Line(), epochs=2)
    average, last = (saved[k]["norm.running_mean"] for k in ("state_dict", "current_model_state"))
    assert average.abs() > 0
    assert not torch.equal(average, last)


def test_a_continued_run_ends_with_the_same_bits(tmp_path):
    whole = fit(tmp_path / "whole", Line(), epochs=4)
    fit(tmp_path / "half", Line(), epochs=2)
    again = fit(tmp_path / "half", Line(), epochs=4, ckpt_path=tmp_path / "half" / "last.ckpt")
    for key in ("state_dict", "current_model_state"):
        assert whole[key].keys() == again[key].keys()
        assert all(torch.equal(whole[key][name], again[key][name]) for name in whole[key]), key
    assert whole["global_step"] == again["global_step"] == 12


def test_a_bad_decay_is_refused():
    with pytest.raises(ValueError, match=r"decay must be in \[0, 1\), got 1\.0"):
        WeightAverage(1.0)
