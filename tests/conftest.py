"""What every test starts from: one thread, fixed seeds, no network services, its own folder."""

import os
import random

os.environ.setdefault("WANDB_MODE", "disabled")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Lightning's log handlers keep the stream that is stderr when it is imported. Inside a test that
# would be one that capsys closes, and every later line of the log a traceback.
import lightning.pytorch  # noqa: F401
import numpy as np
import pytest
import torch

from tests.helpers.unprivileged import open_folder  # noqa: F401 (a fixture)

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _seeds():
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - libraries under test may use the global generator
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    """No test can leave files in, or depend on, the folder pytest was started from, or a cache."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".cache"))
