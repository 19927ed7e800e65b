"""The thinnest whole path, and what a broken video does to it."""

import shutil

import numpy as np
import pytest
import yaml

from pvuw.cli import main
from pvuw.io.masks import read_id_map


@pytest.fixture(scope="module")
def run(nano, tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "nano"
    assert main(nano("fit", "--out", out, "--trainer.max_epochs", 2)) == 0
    return out


def test_fit_leaves_checkpoints_logs_and_its_configuration(run, tmp_path):
    assert {p.name for p in (run / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}
    header = next((run / "logs").rglob("metrics.csv")).read_text().splitlines()[0].split(",")
    assert {"train/loss", "train/loss_dice", "val/j", "val/f", "val/jf"} <= set(header)
    assert yaml.safe_load((run / "config.yaml").read_text())["trainer"]["max_epochs"] == 2
    assert list(tmp_path.iterdir()) == []  # nothing in the working directory


def test_saved_configuration_starts_fit_and_predict_again(run, tmp_path):
    config = ["--config", str(run / "config.yaml"), "--out", str(tmp_path / "again")]
    assert (
        main(["fit", *config, "--trainer.max_steps", "1", "--trainer.limit_val_batches", "0"]) == 0
    )
    arguments = [*config, "--ckpt_path", str(run / "checkpoints" / "best.ckpt")]
    assert main(["predict", *arguments]) == 0


def test_predict_writes_every_frame_with_prompted_ids_and_evaluate_scores_it(
    run, nano, sample, tmp_path, capsys
):
    out = tmp_path / "preds"
    best = run / "checkpoints" / "best.ckpt"
    assert main(nano("predict", "--out", out, "--ckpt_path", best)) == 0
    truth = sample / "valid" / "GroundTruth"
    for video in truth.iterdir():
        names = sorted(p.name for p in video.iterdir())
        assert sorted(p.name for p in (out / "Annotations" / video.name).iterdir()) == names
        prompt = read_id_map(sample / "valid" / "Annotations" / video.name / "00000.png")
        written = [read_id_map(out / "Annotations" / video.name / name) for name in names]
        assert {m.shape for m in written} == {(64, 96)}
        assert set(np.unique(written)) <= set(np.unique(prompt))
        # The prompted frame comes back as it was given, at the network's mask resolution.
        agreement = (written[0] > 0) == (prompt > 0)
        assert agreement.mean() > 0.9
    capsys.readouterr()
    argv = ["evaluate", "--gt", truth, "--pred", out / "Annotations", "--protocol", "mose"]
    assert main([str(word) for word in argv]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("J&F 0.")


def test_validate_repeats_the_score_of_the_best_checkpoint(run, nano, tmp_path, capsys):
    best = run / "checkpoints" / "best.ckpt"
    assert main(nano("validate", "--out", tmp_path / "v", "--ckpt_path", best)) == 0
    import torch

    kept = torch.load(best, weights_only=False, map_location="cpu")
    callbacks = kept["callbacks"]
    score = next(v["best_model_score"] for k, v in callbacks.items() if "ModelCheckpoint" in k)
    assert f"{float(score):.6f}"[:6] in capsys.readouterr().out


def test_broken_video_is_reported_and_the_others_are_done(run, nano, sample, tmp_path, capsys):
    root = tmp_path / "data"
    shutil.copytree(sample, root)
    broken, whole = sorted((root / "valid" / "JPEGImages").iterdir())
    frame = broken / "00004.jpg"
    frame.write_bytes(frame.read_bytes()[:300])
    out = tmp_path / "preds"
    argv = nano("predict", "--out", out, "--ckpt_path", run / "checkpoints" / "best.ckpt")
    argv[argv.index(str(sample))] = str(root)
    assert main(argv) == 1
    error = capsys.readouterr().err
    assert f"video {broken.name} failed: {frame}" in error
    assert sorted(p.name for p in (out / "Annotations").iterdir()) == [whole.name]
    assert len(list((out / "Annotations" / whole.name).iterdir())) == 8


def test_copy_first_baseline_predicts_and_refuses_to_train(sample, tmp_path, capsys):
    fixed = ["--config", "mose/copy_first.yaml", "--data.root", str(sample)]
    fixed += ["--trainer.accelerator", "cpu", "--out", str(tmp_path / "copy")]
    assert main(["predict", *fixed]) == 0
    for video in (sample / "valid" / "Annotations").iterdir():
        given = read_id_map(video / "00000.png")
        written = tmp_path / "copy" / "Annotations" / video.name / "00007.png"
        assert np.array_equal(read_id_map(written), given)
    assert main(["fit", *fixed, "--data.clip.num_frames", "3", "--data.num_workers", "0"]) == 2
    assert "no training of its own" in capsys.readouterr().err
