"""FVOS's two stages: the second finds the first one's best checkpoint, or says how to make it."""

import pytest
import torch
import yaml

from pvuw.cli import main
from tests.integration.conftest import FLAGS

SHORT = ("--trainer.max_epochs", "1", "--trainer.limit_train_batches", "2")


def command(name, stage, sample, *more):
    words = [name, "--config", f"fvos/nano_stage{stage}.yaml", "--data.root", sample, *FLAGS, *more]
    return [str(word) for word in words]


RATE = 1e-12
"""Of AdamW: a step moves no weight by more than a few of it."""


def weights_of(path):
    content = torch.load(path, weights_only=True, map_location="cpu")
    return content["state_dict"], content["optimizer_states"]


@pytest.mark.slow
def test_both_stages_and_prediction_by_their_documented_commands(sample, tmp_path, capsys):
    # The working folder is the test's own, so runs/fvos_nano/... is where the recipes say.
    assert main(command("fit", 1, sample, *SHORT)) == 0
    best = tmp_path / "runs/fvos_nano/stage1/checkpoints/best.ckpt"
    first, _ = weights_of(best)
    # A rate of next to nothing: what stage 2 ends with is what it started from.
    assert main(command("fit", 2, sample, *SHORT, "--model.optim.lr", RATE)) == 0
    out = tmp_path / "runs/fvos_nano/stage2"
    second, optimizers = weights_of(out / "checkpoints" / "last.ckpt")
    for name, weight in first.items():
        torch.testing.assert_close(second[name], weight, rtol=0, atol=10 * RATE)
    steps = {int(state["step"]) for state in optimizers[0]["state"].values()}
    assert steps == {2}, "the optimizer begins afresh"
    config = yaml.safe_load((out / "config.yaml").read_text())
    weights = config["model"]["init_args"]["net"]["init_args"]["weights"]
    assert weights == "runs/fvos_nano/stage1/checkpoints/best.ckpt"
    assert "J&F before training" in capsys.readouterr().err
    # What is continued needs the first stage no more.
    best.unlink()
    assert main(command("fit", 2, sample, *SHORT, "--ckpt_path", "last")) == 0
    assert main(command("predict", 2, sample, "--ckpt_path", "best")) == 0
    assert len(list((out / "Annotations").glob("*/*.png"))) == 16


@pytest.mark.parametrize("recipe", ["fvos/stage2.yaml", "fvos/nano_stage2.yaml"])
def test_missing_first_stage_is_one_line_with_its_command(recipe, sample, capsys):
    assert main(["fit", "--config", recipe, "--data.root", str(sample)]) == 2
    error = capsys.readouterr().err
    lines = [line for line in error.splitlines() if "pvuw: error" in line]
    assert len(lines) == 1
    stage1 = recipe.replace("stage2", "stage1")
    folder = "runs/fvos_nano/stage1" if "nano" in recipe else "runs/fvos/stage1"
    assert f"no {folder}/checkpoints/best.ckpt" in lines[0]
    assert f"pvuw fit --config {stage1} --data.root {sample} --out {folder}" in lines[0]


def test_two_answers_to_what_to_start_from_are_refused(sample, tmp_path, capsys):
    best = tmp_path / "runs/fvos_nano/stage1/checkpoints/best.ckpt"
    best.parent.mkdir(parents=True)
    best.touch()
    argv = command("fit", 2, sample, "--model.net.weights", "other.pt")
    assert main(argv) == 2
    assert "each say what to start from" in capsys.readouterr().err
