"""The demo runs commands in its own process, so none of them may start others of it."""

import pytest

from pvuw.commands import demo
from tests.helpers.cli import parse


@pytest.mark.parametrize("recipe", [demo._RECIPE, demo._BASELINE])
@pytest.mark.parametrize("command", ["fit", "predict"])
def test_every_command_of_the_demo_takes_one_device(command, recipe):
    config = parse(command, *recipe, "--data.root", "somewhere")
    assert (config.trainer.accelerator, config.trainer.devices) == ("cpu", 1)
