"""ReferDINO nano from YAML: fit, validate, export, predict on sentences; Plus predicts."""

import numpy as np
import pytest
import torch

from pvuw.cli import main
from pvuw.io.masks import read_id_map
from tests.helpers import mevis, synthetic
from tests.helpers.processes import CPU

WORDS = ("the blue square", "both red squares")
SMALL = ("--trainer.devices", 1, "--data.num_workers", 0, "--trainer.logger", "false")


def command(name, recipe, *more):
    return main([str(word) for word in (name, "--config", recipe, *more, *CPU)])


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("squares")
    for split in ("train", "valid_u"):
        mevis.write_split(folder, split, videos=("va",), sentences=WORDS)
    mevis.write_split(folder, "valid", videos=("va", "vb"), sentences=WORDS, masks=False)
    return folder


@pytest.fixture(scope="module")
def trained(root, tmp_path_factory):
    """A checkpoint of three steps, with J&F of both sentences."""
    out = tmp_path_factory.mktemp("fit")
    assert command(
        "fit", "mevis/referdino_nano.yaml", "--data.root", root, "--out", out, *SMALL,
        "--data.clip.size", 64, "--data.clip.num_frames", 3, "--trainer.max_epochs", 1,
        "--trainer.limit_train_batches", 3, "--trainer.num_sanity_val_steps", 0,
        "--data.index", out / "index",
    ) == 0  # fmt: skip
    return out / "checkpoints" / "best.ckpt"


def test_a_run_is_scored_and_its_checkpoint_is_the_network(trained, root, tmp_path, capsys):
    content = torch.load(trained, weights_only=True)
    (scores,) = [v for k, v in content["callbacks"].items() if "ModelCheckpoint" in k]
    assert 0 <= scores["best_model_score"] <= 1
    assert main(["weights", "inspect", str(trained)]) == 0
    assert "ReferDINO nano" in capsys.readouterr().out
    out = tmp_path / "pth"
    assert main(["weights", "export", "--ckpt", str(trained), "--out", str(out)]) == 0
    assert command(
        "predict", "mevis/referdino_nano.yaml", "--data.root", root, "--out", tmp_path / "p",
        "--model.net.weights", out, *SMALL,
    ) == 0  # fmt: skip
    folder = tmp_path / "p" / "Annotations"
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))
    assert found == [
        f"{video}/{e}/{t:05d}.png"
        for video in ("va", "vb") for e in (0, 1) for t in range(synthetic.NUM_FRAMES)
    ]  # fmt: skip
    same = [
        np.array_equal(read_id_map(folder / "va" / n), read_id_map(folder / "vb" / n))
        for n in ("0/00000.png", "1/00005.png")
    ]
    assert all(same), "the same frames, asked the same"


def test_masks_are_asked_of_it_in_vain(trained, tmp_path, capsys):
    synthetic.write_mose_root(tmp_path / "mose", valid=("0000000c",))
    assert command(
        "predict", "mevis/referdino_nano.yaml", "--data", "PredictDataModule", "--data.root",
        tmp_path / "mose", "--out", tmp_path / "out", "--ckpt_path", trained,
        "--trainer.devices", 1, "--trainer.logger", "false",
    ) == 1  # fmt: skip
    told = capsys.readouterr().err
    assert "0000000c: ReferDino reads sentences and follows no masks" in told


def test_plus_predicts_from_its_recipe(root, tmp_path):
    assert command(
        "predict", "referdino_plus/predict.yaml", "--data.images", root / "valid" / "JPEGImages",
        "--data.text", WORDS[0], "--data.videos", "[va]", "--out", tmp_path,
        "--model.net.finder.size", "nano", "--model.net.finder.vocabulary", "shipped",
        "--model.net.tracker.size", "nano", "--model.net.tracker.image_size", 64,
        "--model.net.prompts.threshold", 0.0, "--trainer.devices", 1,
    ) == 0  # fmt: skip
    found = sorted(path.name for path in (tmp_path / "Annotations" / "va" / "0").iterdir())
    assert found == [f"{t:05d}.png" for t in range(synthetic.NUM_FRAMES)]
