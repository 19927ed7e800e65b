"""Every sweep runs a command that the program accepts, with every value it may choose."""

import shlex

import pytest
import yaml

from pvuw.recipes import config_dir
from tests.helpers.cli import parse

SWEEPS = sorted((config_dir() / "sweeps").glob("*.yaml"))


def flags(parameters):
    """One command line per end of every range: `--key=value` as W&B's agent writes them."""
    choices = {
        key: given.get("values") or [given.get("value", given.get("min")), given.get("max")]
        for key, given in parameters.items()
    }
    for place in range(max(map(len, choices.values()))):
        yield [
            f"--{key}={values[place]}"
            for key, values in choices.items()
            if place < len(values) and values[place] is not None
        ]


def words_of(sweep, arguments):
    """What the shell of the sweep's command hands to `pvuw`."""
    shell, option, script, name, rest = sweep["command"]
    assert (shell, option, name, rest) == ("sh", "-c", "sweep", "${args}")
    before = shlex.split(script.removeprefix("exec pvuw "))
    assert before[-1] == "$@"
    return [word.replace("$WANDB_RUN_ID", "abc123") for word in before[:-1]] + arguments


def test_there_is_a_sweep():
    assert SWEEPS


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_sweep_is_for_the_score_and_its_commands_parse(path):
    sweep = yaml.safe_load(path.read_text())
    assert sweep["metric"] == {"name": "val/jf", "goal": "maximize"}
    chosen = list(flags(sweep["parameters"]))
    assert len(chosen) >= 2
    for arguments in chosen:
        config = parse(*words_of(sweep, arguments))
        assert config.out.name == "abc123", "each run has a folder of its own"
        loss = config.model.init_args.loss.init_args
        given = dict(word.removeprefix("--").split("=") for word in arguments)
        for name in ("ce_weight", "dice_weight", "sim_weight", "iou_weight"):
            if f"model.loss.{name}" in given:
                assert getattr(loss, name) == float(given[f"model.loss.{name}"])
        net = config.model.init_args.net.init_args
        for name in ("memory_mask_scale", "memory_mask_bias"):
            if f"model.net.{name}" in given:
                assert getattr(net, name) == float(given[f"model.net.{name}"])


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_the_agent_of_wandb_builds_that_command(path):
    utils = pytest.importorskip("wandb.sdk.launch.sweeps.utils")
    sweep = yaml.safe_load(path.read_text())
    values = {"model.loss.ce_weight": {"value": 5}, "data.root": {"value": "data/MOSE+"}}
    built = utils.create_sweep_command_args({"args": values})["args"]
    assert built == ["--model.loss.ce_weight=5", "--data.root=data/MOSE+"]
    # The agent fills ${envvar:...} in by changing its own list, once for all runs.
    assert utils.create_sweep_command(list(sweep["command"])) == sweep["command"]
