"""Validation while training: named sets, baseline and gain, cost, and what it must not change."""

import csv
import os
import subprocess
import sys

import pytest
import torch
import yaml

from pvuw.cli import main
from tests.helpers.noise import ROUNDING

SHORT = ("--trainer.limit_train_batches", 2)


def rows_of(out):
    """Rows of the newest CSV log of a run."""
    newest = sorted((out / "logs").glob("version_*/metrics.csv"))[-1]
    with newest.open() as lines:
        return [{k: v for k, v in row.items() if v != ""} for row in csv.DictReader(lines)]


def weights_of(out):
    path = out / "checkpoints" / "last.ckpt"
    return torch.load(path, weights_only=True, map_location="cpu")


@pytest.fixture(scope="module")
def sets(sample, tmp_path_factory):
    """A recipe part with two named sets over the same videos, one of them only the first."""
    valid = sample / "valid"
    folder = {
        "images": str(valid / "JPEGImages"),
        "annotations": str(valid / "Annotations"),
        "truth": str(valid / "GroundTruth"),
        "videos": [sorted(p.name for p in (valid / "JPEGImages").iterdir())[0]],
    }
    path = tmp_path_factory.mktemp("sets") / "sets.yaml"
    path.write_text(yaml.safe_dump({"data": {"val_sets": {"all": str(sample), "one": folder}}}))
    return path


@pytest.fixture(scope="module")
def run(nano, sets, tmp_path_factory):
    """One epoch with a baseline, then a second one after a resume."""
    out = tmp_path_factory.mktemp("run") / "nano"
    fixed = nano("fit", "--config", sets, "--out", out, "--baseline", "true", *SHORT)
    assert main([*fixed, "--trainer.max_epochs", "1"]) == 0
    first = rows_of(out)
    assert main([*fixed, "--trainer.max_epochs", "2", "--ckpt_path", "last"]) == 0
    return out, first, rows_of(out)


@pytest.mark.slow
def test_baseline_is_logged_at_step_0_and_gains_follow_also_after_a_resume(run):
    _, first, resumed = run
    validated = [row for row in first if "val/jf" in row]
    assert [row["step"] for row in validated] == ["0", "1"]
    baseline = float(validated[0]["val/jf"])
    assert "val/jf_gain" not in validated[0]
    after = [row for row in resumed if "val/jf" in row]
    assert [row["step"] for row in after] == ["3"]  # measured once, not again
    for row in [validated[1], *after]:
        assert float(row["val/jf_gain"]) == pytest.approx(
            float(row["val/jf"]) - baseline, abs=ROUNDING
        )


@pytest.mark.slow
def test_scores_come_per_set_and_their_cost_is_logged(run):
    _, first, _ = run
    row = [row for row in first if "val/jf" in row][-1]
    assert {"val/all/jf", "val/all/j", "val/one/f", "val/one/jf", "val/seconds"} <= set(row)
    assert any(name.startswith(("val/small_", "val/occluded_", "val/reappearing_")) for name in row)
    assert 0 < float(row["val/time_share"]) < 1
    trained = next(row for row in first if "train/loss" in row)
    assert {"train/grad_norm", "train/lr", "time/step_ms", "time/data_ms"} <= set(trained)


@pytest.mark.slow
def test_baseline_and_resume_leave_training_as_it_is(run, nano, tmp_path):
    out, _, _ = run
    plain = tmp_path / "plain"
    argv = nano("fit", "--out", plain, *SHORT, "--trainer.max_epochs", 2)
    assert main([*argv, "--trainer.limit_val_batches", "0"]) == 0
    expected, found = weights_of(plain)["state_dict"], weights_of(out)["state_dict"]
    assert expected.keys() == found.keys()
    assert all(torch.equal(weight, found[name]) for name, weight in expected.items())


@pytest.mark.slow
def test_validation_runs_no_more_than_its_budget(nano, sample, tmp_path, monkeypatch):
    from pvuw.nets.sam2.session import Sam2Session

    steps, frames = Sam2Session.step_views, []
    counted = lambda *a, **k: frames.append(1) or steps(*a, **k)  # noqa: E731
    monkeypatch.setattr(Sam2Session, "step_views", counted)
    argv = nano("fit", "--out", tmp_path / "run", *SHORT, "--data.val_limit", 1)
    assert main([*argv, "--trainer.max_epochs", "4", "--trainer.check_val_every_n_epoch", "2"]) == 0
    assert len(frames) == 2 * 8  # two validations of one video of eight frames


@pytest.mark.slow
def test_two_processes_log_what_one_does(nano, sets, tmp_path):
    argv = nano("validate", "--config", sets, "--out", tmp_path / "one")
    assert main(argv) == 0
    # The second set has one video for two processes: one of them has nothing to do.
    argv = nano("validate", "--config", sets, "--out", tmp_path / "two")
    argv[argv.index("--trainer.devices") + 1] = "2"
    done = subprocess.run(
        [sys.executable, "-m", "pvuw", *argv, "--trainer.strategy", "ddp"],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    alone, together = (scores_of(tmp_path / name) for name in ("one", "two"))
    assert alone == together
    assert {"val/all/jf", "val/one/jf"} <= set(alone)


def scores_of(out):
    row = rows_of(out)[-1]
    return {k: v for k, v in row.items() if k.startswith("val/") and k != "val/seconds"}
