"""`overlays/fsdp.yaml` through the command: two processes, videos of unequal length, one file."""

import csv
import os
import shutil
import subprocess
import sys

import pytest
import torch

from pvuw.cli import main
from pvuw.nets.sam2 import Sam2
from tests.helpers.cli import parse
from tests.helpers.noise import SUMMATION

LIMIT = 500  # seconds until a hang is one; a quarter of a minute on two idle cores


@pytest.fixture(scope="module")
def uneven(sample, tmp_path_factory):
    """The data set with validation videos of eight and of three frames."""
    root = tmp_path_factory.mktemp("uneven") / "data"
    shutil.copytree(sample, root)
    short = sorted((root / "valid" / "JPEGImages").iterdir())[0].name
    for frames in (root / "valid").glob(f"*/{short}"):
        for path in sorted(frames.iterdir())[3:]:
            path.unlink()
    return root


def in_two_processes(argv):
    """Run a command of the recipe sharded over two processes."""
    command = [str(word) for word in argv]
    command[command.index("--trainer.devices") + 1] = "2"
    return subprocess.run(
        [sys.executable, "-m", "pvuw", *command, "--config", "overlays/fsdp.yaml"],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT,
    )


def scores_of(out):
    """Scores of every validation of a run or of a `validate`, oldest first."""
    newest = sorted((out / "logs").glob("version_*/metrics.csv"))[-1]
    with newest.open() as lines:
        rows = [row for row in csv.DictReader(lines) if row.get("val/jf")]
    return [{k: v for k, v in row.items() if k.endswith(("jf", "/j", "/f")) and v} for row in rows]


@pytest.fixture(scope="module")
def trained(nano, uneven, tmp_path_factory):
    """A run of two steps in each process, with a baseline."""
    out = tmp_path_factory.mktemp("run") / "nano"
    argv = nano("fit", "--data.root", uneven, "--out", out, "--baseline", "true")
    argv += ["--trainer.max_epochs", "1", "--data.clip.clips_per_epoch", "8"]
    done = in_two_processes([*argv, "--model.net.weights", "shipped"])
    assert done.returncode == 0, done.stderr[-3000:]
    return out, argv


@pytest.mark.slow
def test_validation_of_unequal_videos_scores_as_one_process_does(trained, nano, uneven, tmp_path):
    before, after = scores_of(trained[0])
    argv = nano("validate", "--data.root", uneven, "--out", tmp_path / "before")
    assert main([*argv, "--model.net.weights", "shipped"]) == 0
    checkpoint = trained[0] / "checkpoints" / "last.ckpt"
    argv = nano("validate", "--data.root", uneven, "--out", tmp_path / "after")
    assert main([*argv, "--ckpt_path", str(checkpoint)]) == 0
    for logged, name in ((before, "before"), (after, "after")):
        (alone,) = scores_of(tmp_path / name)
        assert {"val/j", "val/f", "val/jf"} <= set(alone)
        for key, value in alone.items():
            assert float(logged[key]) == pytest.approx(float(value), abs=SUMMATION), key


@pytest.mark.slow
def test_one_process_predicts_with_and_exports_its_checkpoint(trained, nano, uneven, tmp_path):
    best = trained[0] / "checkpoints" / "best.ckpt"
    exported = tmp_path / "nano.pt"
    assert main(["weights", "export", "--ckpt", str(best), "--out", str(exported)]) == 0
    weights = torch.load(best, weights_only=True)["state_dict"]
    for name, weight in Sam2(weights=exported, image_size=64).state_dict().items():
        assert torch.equal(weight, weights[f"net.{name}"]), name
    masks = {}
    for name, given in (
        ("best", ["--ckpt_path", best]),
        ("file", ["--model.net.weights", exported]),
    ):
        argv = nano("predict", "--data.root", uneven, "--out", tmp_path / name, *given)
        assert main(argv) == 0
        files = sorted((tmp_path / name / "Annotations").rglob("*.png"))
        masks[name] = [path.read_bytes() for path in files]
    assert len(masks["best"]) == 8 + 3
    assert masks["best"] == masks["file"]


@pytest.mark.slow
def test_the_same_command_continues(trained, tmp_path):
    out, argv = tmp_path / "run", list(trained[1])
    shutil.copytree(trained[0], out)
    argv[argv.index("--out") + 1] = out
    argv[argv.index("--trainer.max_epochs") + 1] = 2
    done = in_two_processes([*argv, "--ckpt_path", "last"])
    assert done.returncode == 0, done.stderr[-3000:]
    content = torch.load(out / "checkpoints" / "last.ckpt", weights_only=True)
    assert content["global_step"] == 4
    assert content["optimizer_states"][0]["state"][0]["step"] == 4


@pytest.mark.slow
def test_what_cannot_be_sharded_ends_with_one_line(nano, tmp_path):
    argv = nano("fit", "--out", tmp_path / "run", "--config", "overlays/ema.yaml")
    done = in_two_processes(argv)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "callbacks.WeightAverage do not go together" in done.stderr


def test_the_recipe_for_large_takes_the_overlay():
    config = parse(
        "fit", "--config", "mose/sam2_large.yaml", "--config", "overlays/fsdp.yaml",
        "--data.root", "somewhere", "--trainer.devices", 8, "--trainer.num_nodes", 2,
    )  # fmt: skip
    assert config.trainer.strategy.class_path == "lightning_modules.ShardedStrategy"
