"""A run whose loss or gradient is not finite stops, names the step, and saves nothing of it."""

import gc
import weakref
from types import SimpleNamespace

import lightning
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from lightning_modules.finite import FiniteWatch
from pvuw.errors import PvuwError
from tests.helpers.sam2_training import make_batch

NAN, INF = float("nan"), float("inf")


class Reads(TorchDispatchMode):
    """Counts what a host waits for: numbers taken off a tensor."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.count += "_local_scalar_dense" in str(function) or "nonzero" in str(function)
        return function(*args, **(kwargs or {}))


def trainer(*, step=0, every=10, folder=None):
    callbacks = [] if folder is None else [SimpleNamespace(dirpath=str(folder))]
    return SimpleNamespace(
        global_step=step,
        log_every_n_steps=every,
        strategy=lightning.pytorch.strategies.SingleDeviceStrategy(torch.device("cpu")),
        checkpoint_callbacks=callbacks,
    )


def note(watch, *values, batch=None):
    for step, value in enumerate(values):
        loss = torch.tensor(value)
        parts = {"loss": loss, "loss_ce": loss * 2}
        watch.note_loss(step, parts, batch or make_batch(3, size=16))
        watch.note_gradient(step, torch.tensor(1.0))


def test_noting_waits_for_nothing_and_looking_once():
    watch = FiniteWatch()
    with Reads() as reads:
        note(watch, 1.0, 2.0, 3.0)
    made_by_tensors_of_the_test = reads.count
    assert made_by_tensors_of_the_test == 0
    with Reads() as reads:
        watch.look(trainer())
    assert reads.count == 1
    with Reads() as reads:
        watch.look(trainer())
    assert reads.count == 0


@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_the_first_step_is_named_with_its_clips_and_parts(value, tmp_path):
    watch = FiniteWatch()
    note(watch, 1.0, value, 1.0, NAN)
    (tmp_path / "last.ckpt").touch()
    with pytest.raises(PvuwError) as error:
        watch.look(trainer(folder=tmp_path))
    line = str(error.value)
    assert f"the loss is not finite in step 1 (loss {value:.4g}, loss_ce {value:.4g}; " in line
    assert "clips: clip0 frames 0-2, clip1 frames 0-2" in line
    assert f"the last good checkpoint is {tmp_path}/last.ckpt" in line
    assert "\n" not in line


def test_a_gradient_alone():
    watch = FiniteWatch()
    note(watch, 1.0)
    watch.note_gradient(1, torch.tensor(INF))
    watch.note_loss(1, {"loss": torch.tensor(3.0)}, make_batch(3, size=16))
    with pytest.raises(
        PvuwError, match=r"the gradient is not finite in step 1 \(gradient norm inf"
    ):
        watch.look(trainer())


@pytest.mark.parametrize(
    ("step", "every", "looks"), [(10, 10, True), (9, 10, False), (100, 0, True), (7, 0, False)]
)
def test_it_looks_when_something_is_logged_anyway(step, every, looks):
    watch = FiniteWatch()
    note(watch, NAN)
    if looks:
        with pytest.raises(PvuwError, match="there is no checkpoint yet"):
            watch.look_now_and_then(trainer(step=step, every=every))
    else:
        watch.look_now_and_then(trainer(step=step, every=every))


def test_batches_are_not_kept():
    watch, batch = FiniteWatch(), make_batch(3, size=16)
    frames = weakref.ref(batch.frames)
    note(watch, 1.0, batch=batch)
    del batch
    gc.collect()
    assert frames() is None
