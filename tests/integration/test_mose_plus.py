"""From sources to a trained network: build, then fit with the DeepSegMa recipe at nano scale."""

import csv
import math

import pytest

from pvuw.cli import main
from tests.integration.conftest import FLAGS
from tests.pvuw.mose_plus.build_make import settings, write_sources


def run(*words):
    assert main([str(word) for word in words]) == 0


@pytest.mark.slow
def test_recipe_trains_on_a_build_with_augmentation_and_predicts(tmp_path):
    config = settings(write_sources(tmp_path), build="valid_share: 0.34")
    run("mose-plus", "--config", config, "--out", tmp_path / "MOSE+", "--workers", 1)
    out = tmp_path / "run"
    run(
        "fit", "--config", "deepsegma/sam2_nano.yaml", "--data.root", tmp_path / "MOSE+",
        "--out", out, "--trainer.max_epochs", 2, "--data.clip.clips_per_epoch", 4,
        "--data.weights", "{mose: 1, lvos: 1}", *FLAGS,
    )  # fmt: skip
    (metrics,) = out.glob("logs/*/metrics.csv")
    rows = list(csv.DictReader(metrics.open()))
    for name in ("train/loss", "train/loss_sim", "val/jf"):
        values = [float(row[name]) for row in rows if row.get(name)]
        assert values, name
        assert all(math.isfinite(value) for value in values), name
    assert (out / "checkpoints" / "last.ckpt").is_file()
    saved = (out / "config.yaml").read_text()
    assert "datamodules.augment.deepsegma" in saved
    assert "MOSEPlusDataModule" in saved
    assert "memory_mask_scale: 7.5" in saved
    run(
        "predict", "--config", "deepsegma/sam2_nano.yaml", "--data.root", tmp_path / "MOSE+",
        "--out", out, "--ckpt_path", "best", *FLAGS,
    )  # fmt: skip
    frames = sorted((tmp_path / "MOSE+" / "valid" / "JPEGImages").glob("*/*"))
    predicted = sorted((out / "Annotations").glob("*/*.png"))
    assert frames
    assert [p.parent.name + p.stem for p in predicted] == [p.parent.name + p.stem for p in frames]
