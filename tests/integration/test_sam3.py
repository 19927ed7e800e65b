"""SAM 3's tracker from the command line: it learns, goes on after kill -9, exports, predicts."""

import csv
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pvuw.cli import main
from pvuw.losses import CrossEntropy, VOSLoss
from pvuw.nets.sam3 import Sam3
from tests.helpers.overfit import crossing_cars, id_map, jf, track, train

ROOT = Path(__file__).parents[2]
SIDE = 112
FLAGS = (
    "--trainer.accelerator", "cpu", "--trainer.devices", "1", "--model.net.image_size", "56",
    "--data.clip.size", "56", "--data.clip.num_frames", "3", "--data.clip.max_objects", "2",
    "--data.batch_size", "1", "--data.num_workers", "0", "--trainer.log_every_n_steps", "1",
    "--trainer.precision", "32-true", "--trainer.strategy", "auto",
)  # fmt: skip
NANO = ("--model.net.size", "nano")


def words(command, sample, *more, recipe="mose/sam3_nano.yaml"):
    return [
        str(w) for w in (command, "--config", recipe, "--data.root", sample, *FLAGS, *NANO, *more)
    ]


@pytest.mark.slow
def test_one_clip_is_learnt():
    frames, masks = (x[..., :SIDE, :SIDE].contiguous() for x in crossing_cars())
    assert jf([id_map(masks[0])] * len(masks), masks) < 0.6  # copying will not do
    torch.manual_seed(0)
    net = Sam3("nano", image_size=SIDE)
    loss = VOSLoss(3.0, cross_entropy=CrossEntropy(gamma=0.0, alpha=None))
    train(net, loss, frames, masks, steps=80)
    assert jf(track(net, frames, masks), masks) > 0.9


@pytest.fixture(scope="module")
def run(sample, tmp_path_factory):
    """A run of the fine-tuning recipe at nano size: clicks, frozen encoder, augmentation, EMA."""
    out = tmp_path_factory.mktemp("sam3")
    short = (
        "--data.clip.clips_per_epoch", 6, "--data.hold_out", 0, "--trainer.max_epochs", 4,
        "--trainer.limit_val_batches", 1, "--model.net.prompting.num_correction_pt_per_frame", 1,
        "--model.optim.lr", 1e-3,
    )  # fmt: skip
    overlay = ("--config", "overlays/ema.yaml")
    assert main(words("fit", sample, *overlay, "--out", out, *short, recipe="mose/sam3.yaml")) == 0
    return out


def test_the_recipe_lowers_the_loss_of_all_but_the_encoder(run):
    with next((run / "logs").rglob("metrics.csv")).open() as file:
        losses = [float(r["train/loss"]) for r in csv.DictReader(file) if r.get("train/loss")]
    assert sum(losses[-6:]) < 0.8 * sum(losses[:6])
    saved = torch.load(run / "checkpoints" / "last.ckpt", weights_only=False, map_location="cpu")
    assert any(key.startswith("net.model.image_encoder.trunk.") for key in saved["state_dict"])
    with next((run / "logs").rglob("metrics.csv")).open() as file:
        assert any(row.get("val/jf") for row in csv.DictReader(file))


def test_predicts_from_its_checkpoint_with_other_recipes(run, sample, tmp_path):
    images, masks = sample / "valid" / "JPEGImages", sample / "valid" / "Annotations"
    few = (
        "--model.inference.views.scales",
        "[1.0, 1.5]",
        "--model.inference.views.rotations",
        "[0]",
    )
    recipes = {"stseg/sam3.yaml": (), "deepsegma/predict.yaml": (), "fvos/predict.yaml": few}
    for recipe, more in recipes.items():
        out = tmp_path / recipe.partition("/")[0]
        argv = ["predict", "--config", recipe, "--model.net", "Sam3", *NANO, *more]
        argv += ["--model.net.image_size", "56", "--model.net.weights"]
        argv += [str(run / "checkpoints" / "last.ckpt"), "--trainer.precision", "32-true"]
        argv += ["--trainer.accelerator", "cpu", "--data.images", str(images)]
        argv += ["--data.masks", str(masks), "--out", str(out)]
        assert main(argv) == 0
        assert len(list((out / "Annotations").rglob("*.png"))) == 16


def final_state(out):
    return torch.load(out / "checkpoints" / "last.ckpt", weights_only=False, map_location="cpu")


@pytest.mark.slow
def test_killed_run_continues_to_the_same_weights(sample, tmp_path):
    steps = (
        "--trainer.max_epochs", 2, "--data.clip.clips_per_epoch", 4,
        "--last_checkpoint.every_n_train_steps", 2, "--trainer.limit_val_batches", 0,
    )  # fmt: skip

    def command(out, *more):
        argv = words("fit", sample, "--out", out, *steps, *more)
        return [sys.executable, "-m", "pvuw", *argv]

    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run(command(whole), check=True, env=environment, capture_output=True)
    power_cut = ("--trainer.callbacks+=tests.helpers.killer.Killer",
                 "--trainer.callbacks.before_step", 7)  # fmt: skip
    done = subprocess.run(
        command(killed, *power_cut),
        env=environment | {"PYTHONPATH": str(ROOT)},
        start_new_session=True,
        capture_output=True,
    )
    assert done.returncode == -signal.SIGKILL
    assert final_state(killed)["global_step"] == 6
    again = command(killed, "--ckpt_path", "last")
    subprocess.run(again, check=True, env=environment, capture_output=True)
    expected, resumed = final_state(whole), final_state(killed)
    assert resumed["global_step"] == expected["global_step"] == 8
    for name, weight in expected["state_dict"].items():
        assert torch.equal(weight, resumed["state_dict"][name]), name
