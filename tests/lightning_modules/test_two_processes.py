"""Two gloo processes train as one process does with the doubled batch."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.helpers.noise import DEEP, SUMMATION
from tests.lightning_modules import ddp_driver

ROOT = Path(__file__).parents[2]


def run(strategy, processes, out):
    done = subprocess.run(
        [sys.executable, ddp_driver.__file__, strategy, str(processes), out],
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [torch.load(out / f"{processes}_{rank}.pt") for rank in range(processes)]


@pytest.mark.slow
def test_loss_and_weights_are_those_of_the_doubled_batch(tmp_path):
    (alone,) = run("ddp", 1, tmp_path)
    first, second = run("ddp", 2, tmp_path)
    mean = [(a + b) / 2 for a, b in zip(first["losses"], second["losses"], strict=True)]
    assert len(mean) == ddp_driver.STEPS
    assert mean[0] == pytest.approx(alone["losses"][0], rel=SUMMATION)
    assert mean == pytest.approx(alone["losses"], rel=DEEP)
    assert alone["losses"][0] != pytest.approx(alone["losses"][-1], rel=1e-2)  # it learned
    assert first["losses"][0] != pytest.approx(second["losses"][0], rel=1e-2)
    start = ddp_driver.module().net.state_dict()
    assert max((alone["weights"][n] - w).abs().max() for n, w in start.items()) > 2e-3
    for name, weight in alone["weights"].items():
        assert torch.equal(first["weights"][name], second["weights"][name]), name
        assert (weight - first["weights"][name]).abs().max() <= 0.3 * ddp_driver.OPTIM.lr, name
