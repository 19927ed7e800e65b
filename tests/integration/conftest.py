"""A small generated data set and the flags that make any recipe run on it in seconds."""

import pytest

from pvuw.cli import main
from tests.helpers.processes import Processes

FLAGS = (
    "--trainer.accelerator", "cpu", "--trainer.devices", "1", "--model.net.image_size", "64",
    "--data.clip.size", "64", "--data.clip.num_frames", "3", "--data.clip.max_objects", "2",
    "--data.batch_size", "2", "--data.num_workers", "0", "--trainer.log_every_n_steps", "1",
)  # fmt: skip


@pytest.fixture(scope="session")
def sample(tmp_path_factory):
    """Six training and two validation videos of 8 frames, 64 x 96."""
    root = tmp_path_factory.mktemp("sample") / "data"
    argv = ["sample", root, "--videos", 6, "--valid", 2, "--frames", 8, "--size", 64, 96]
    assert main([str(word) for word in argv]) == 0
    return root


@pytest.fixture(scope="session")
def nano(sample):
    """Arguments of a nano command: `nano("fit", "--out", folder)`."""

    def arguments(command, *more):
        fixed = (command, "--config", "mose/sam2_nano.yaml", "--data.root", sample, *FLAGS)
        return [str(word) for word in (*fixed, *more)]

    return arguments


@pytest.fixture(scope="session")
def processes():
    """Starts runs of one or several processes without importing everything again."""
    started = Processes()
    yield started
    started.close()
