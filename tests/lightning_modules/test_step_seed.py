"""What every training step's random choices are drawn from."""

from types import SimpleNamespace

import pytest
import torch

from lightning_modules.base import SegmentationModule
from lightning_modules.optim import OptimConfig
from pvuw.inference.propagate import InferenceConfig
from pvuw.nets.copy_first import CopyFirst


class Placed(SegmentationModule):
    """A module that says which process and epoch it is in."""

    rank, epoch = 0, 0

    @property
    def global_rank(self):
        return self.rank

    @property
    def current_epoch(self):
        return self.epoch


def seeds_of(*, seed=0, epoch=0, batch_idx=0, rank=0):
    module = Placed(CopyFirst(), optim=OptimConfig(), inference=InferenceConfig(), seed=seed)
    module.rank, module.epoch, batch = rank, epoch, SimpleNamespace()
    module.on_train_batch_start(batch, batch_idx)
    return batch.step_seed, torch.initial_seed()


def test_processes_share_the_step_seed_and_nothing_else():
    shared, own = zip(*(seeds_of(rank=rank) for rank in range(4)), strict=True)
    assert len(set(shared)) == 1
    assert len({*own, *shared}) == 5


@pytest.mark.parametrize("changed", ["seed", "epoch", "batch_idx"])
def test_every_step_has_its_own_seeds(changed):
    steps = [seeds_of(**{changed: value}) for value in range(4)]
    assert len({seed for seeds in steps for seed in seeds}) == 8


def test_a_step_is_seeded_alike_whatever_came_before():
    first = seeds_of(epoch=3, batch_idx=7)
    torch.rand(100)
    assert seeds_of(epoch=3, batch_idx=7) == first
    assert 0 <= first[0] < 2**63
