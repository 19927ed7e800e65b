"""A continued run trains as its configuration says, on every clip once."""

import copy

import lightning
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import nn
from torch.utils.data import DataLoader

from lightning_modules.base import SegmentationModule
from lightning_modules.optim import OptimConfig, build_optimizer, parameter_groups
from lightning_modules.resume import reopen_epoch, restate
from pvuw.errors import PvuwError
from pvuw.inference.propagate import InferenceConfig
from tests.helpers.echo import Echo

BATCHES = 8


class Learner(Echo):
    """A network with a matrix and a vector to train."""

    def __init__(self):
        super().__init__()
        self.image_encoder, self.head = nn.Linear(2, 2), nn.Linear(2, 1)


class Batch:
    """What a step gets: its number, and room for a seed."""

    def __init__(self, number):
        self.number, self.step_seed = number, None


class Counting(SegmentationModule):
    """Trains on numbers and remembers which came, and at which rate and decay."""

    def __init__(self, **optim):
        config = OptimConfig(**({"lr": 0.1, "weight_decay": 0.01} | optim))
        super().__init__(Learner(), optim=config, inference=InferenceConfig(), seed=0)
        self.seen, self.rates, self.decays = [], [], []

    def training_step(self, batch, batch_idx):
        self.seen.append((self.current_epoch, batch_idx, batch.number))
        groups = self.trainer.optimizers[0].param_groups
        self.rates.append([group["lr"] for group in groups])
        self.decays.append(max(group["weight_decay"] for group in groups))
        return self.net.head(self.net.image_encoder(torch.ones(1, 2))).sum()


class Numbers(lightning.LightningDataModule):
    """Eight batches an epoch, from wherever the run goes on."""

    def train_dataloader(self):
        from datamodules.resume import start_point

        start = start_point(self.trainer)
        trainer = self.trainer

        class Sampler:
            def __iter__(self):
                epoch = max(trainer.current_epoch, start.epoch)
                done = start.batch if epoch == start.epoch else 0
                return iter(range(done, BATCHES))

            def __len__(self):
                return BATCHES

        return DataLoader([Batch(i) for i in range(BATCHES)], batch_size=None, sampler=Sampler())


def run(folder, *, ckpt=None, module=None, saved=("last",), **options):
    """Fit and keep a checkpoint after every epoch, as `last_checkpoint` does."""
    module = module or Counting()
    save = ModelCheckpoint(dirpath=folder, filename=saved[0], save_on_train_epoch_end=True,
                           enable_version_counter=False)  # fmt: skip
    trainer = lightning.Trainer(
        **({"max_epochs": 2} | options),
        accelerator="cpu",
        logger=False,
        callbacks=[save],
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
    )
    trainer.fit(module, Numbers(), ckpt_path=ckpt)
    return module, folder / f"{saved[0]}.ckpt"


ALL = [(epoch, batch, batch) for epoch in range(2) for batch in range(BATCHES)]


@pytest.mark.parametrize("stops", [[3], [8], [11], [3, 5, 12], [1, 2]])
def test_a_run_that_max_steps_ended_goes_on_with_the_next_clip(tmp_path, stops):
    seen, ckpt = [], None
    for stop in stops:
        module, ckpt = run(tmp_path, ckpt=ckpt, max_steps=stop, max_epochs=-1)
        seen += module.seen
    module, _ = run(tmp_path, ckpt=ckpt)
    assert seen + module.seen == ALL


def test_several_batches_a_step(tmp_path):
    first, ckpt = run(tmp_path, max_steps=3, accumulate_grad_batches=2)
    second, _ = run(tmp_path, ckpt=ckpt, accumulate_grad_batches=2)
    assert first.seen + second.seen == ALL
    assert len(first.seen) == 6


class StopAfter(Counting):
    """Wants to stop in the middle of an epoch, as early stopping does."""

    def on_train_batch_end(self, outputs, batch, batch_idx):
        self.trainer.should_stop = self.trainer.global_step == 5


def test_a_run_that_stopped_early_goes_on_with_the_next_clip(tmp_path):
    first, ckpt = run(tmp_path, module=StopAfter())
    second, _ = run(tmp_path, ckpt=ckpt)
    assert len(first.seen) == 5
    assert first.seen + second.seen == ALL


@pytest.mark.parametrize("limit", [3, 0.5])
def test_an_epoch_that_was_limited_is_whole(tmp_path, limit):
    first, ckpt = run(tmp_path, max_epochs=1, limit_train_batches=limit)
    second, _ = run(tmp_path, ckpt=ckpt, limit_train_batches=limit)
    whole = int(limit * BATCHES) if isinstance(limit, float) else limit
    assert first.seen + second.seen == [(e, b, b) for e in range(2) for b in range(whole)]


def test_checkpoints_of_a_whole_epoch_or_inside_one_stay_as_they_are(tmp_path):
    _, ckpt = run(tmp_path, max_epochs=1)
    loops = torch.load(ckpt, weights_only=True)["loops"]
    before = copy.deepcopy(loops)
    reopen_epoch(loops)
    assert loops == before
    reopen_epoch({})


# Rates and decays.


def test_rates_and_decay_of_the_configuration_are_used(tmp_path):
    _, ckpt = run(tmp_path, max_epochs=1)
    changed = Counting(lr=1e-3, weight_decay=0.5, final_lr_ratio=1.0, betas=(0.5, 0.6))
    run(tmp_path, ckpt=ckpt, module=changed)
    assert {rate for rates in changed.rates for rate in rates} == {1e-3}
    assert set(changed.decays) == {0.5}
    saved = torch.load(tmp_path / "last.ckpt", weights_only=True)["optimizer_states"][0]
    assert {group["betas"] for group in saved["param_groups"]} == {(0.5, 0.6)}
    assert saved["state"][0]["step"] == 2 * BATCHES  # moments go on


def test_rates_of_layers_change_too(tmp_path):
    layered = {"image_encoder_lr": 0.05}
    _, ckpt = run(tmp_path, max_epochs=1, module=Counting(**layered))
    slower = Counting(image_encoder_lr=1e-4, final_lr_ratio=1.0)
    run(tmp_path, ckpt=ckpt, module=slower)
    assert {tuple(sorted(set(rates))) for rates in slower.rates} == {(1e-4, 0.1)}


def test_another_warm_up_or_end_of_the_cosine_is_used(tmp_path):
    _, ckpt = run(tmp_path, max_epochs=1)
    other = Counting(final_lr_ratio=0.9)
    run(tmp_path, ckpt=ckpt, module=other)
    whole, _ = run(tmp_path / "whole", module=Counting(final_lr_ratio=0.9))
    assert other.rates == whole.rates[BATCHES:]


def test_an_unchanged_run_has_the_rates_it_would_have_had_bit_for_bit(tmp_path):
    whole, _ = run(tmp_path / "whole", max_steps=12, max_epochs=-1)
    _, ckpt = run(tmp_path, max_epochs=1)
    second, _ = run(tmp_path, ckpt=ckpt, max_steps=12, max_epochs=-1)
    assert second.rates == whole.rates[BATCHES:12]


@pytest.mark.parametrize("change", [{"image_encoder_lr": 0.05}, {"layer_decay": 0.5}])
def test_other_groups_are_refused_in_one_line(tmp_path, change):
    _, ckpt = run(tmp_path, max_epochs=1)
    with pytest.raises(PvuwError, match=r"cannot continue: .* 2 parameter groups of 4") as error:
        run(tmp_path, ckpt=ckpt, module=Counting(**change))
    assert "\n" not in str(error.value)


def test_restating_the_same_changes_no_bit():
    module = Counting(lr=0.3, image_encoder_lr=0.07, warmup_steps=3)
    groups = parameter_groups(module, module.net, module.optim_config)
    optimizer, schedule = build_optimizer(
        module, module.net, module.optim_config, total_steps=lambda: 20
    )
    for _ in range(7):
        optimizer.step()
        schedule.step()
    before = [dict(group, params=None) for group in optimizer.param_groups]
    last = schedule.get_last_lr()
    restate(optimizer, schedule, groups, betas=module.optim_config.betas)
    assert [dict(group, params=None) for group in optimizer.param_groups] == before
    assert schedule.get_last_lr() == last
