"""Cutie and LiVOS from their recipes: fit, validate and predict on generated video."""

import csv
import math

import pytest

from pvuw.cli import main

NARROW = (
    "--model.net.widths", "{dim: 32, key_dim: 16, decoder_dims: [16, 16], trunk: 8,"
    " num_queries: 4, num_blocks: 1, num_heads: 2, feedforward_dim: 64}",
    "--model.net.frame_size", "{shorter_side: 64}", "--model.loss.num_points", "128",
)  # fmt: skip
FLAGS = (
    "--trainer.accelerator", "cpu", "--trainer.devices", "1", "--trainer.strategy", "auto",
    "--trainer.precision", "32-true", "--trainer.log_every_n_steps", "1", *NARROW,
)  # fmt: skip
SMALL = (
    "--data.clip.size", "64", "--data.clip.num_frames", "3", "--data.batch_size", "2",
    "--data.num_workers", "0", "--trainer.max_epochs", "1",
    "--trainer.accumulate_grad_batches", "1",
)  # fmt: skip


def run(*words):
    return main([str(word) for word in words])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cutie", "livos"])
def test_recipes_fit_validate_and_predict(name, sample, tmp_path):
    fixed = ("--data.root", sample, *FLAGS)
    out = tmp_path / "run"
    assert run("fit", "--config", f"zoo/{name}.yaml", "--out", out, *fixed, *SMALL) == 0
    rows = list(csv.DictReader(next(out.glob("logs/*/metrics.csv")).open()))
    for key in ("loss", "loss_ce", "loss_dice", "loss_sensory", "loss_query"):
        values = [float(row[f"train/{key}"]) for row in rows if row.get(f"train/{key}")]
        assert values, key
        assert all(math.isfinite(value) for value in values), key
    last = ("--ckpt_path", out / "checkpoints" / "last.ckpt")
    recipe = ("--config", f"stseg/{name}.yaml")
    assert run("validate", *recipe, "--out", tmp_path / "v", *fixed, *last) == 0
    assert run("predict", *recipe, "--out", tmp_path / "p", *fixed, *last) == 0
    for video in (sample / "valid" / "GroundTruth").iterdir():
        written = tmp_path / "p" / "Annotations" / video.name
        assert len(list(written.iterdir())) == len(list(video.iterdir()))
