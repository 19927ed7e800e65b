"""TMO through the command line: fine-tuned, validated and predicting, from its recipes."""

import pytest
import torch
import yaml
from torchvision.models.optical_flow import raft_small

from pvuw.cli import main
from pvuw.io.masks import read_id_map

# The encoders' weights are never small; frozen, they need no room in the optimizer.
SMALL = (
    "--trainer.accelerator", "cpu", "--trainer.devices", "1", "--trainer.log_every_n_steps", "1",
    "--model.net.variant", "mitb1", "--model.net.image_size", "32",
    "--model.net.flow.model", "small", "--model.net.flow.updates", "1",
    "--data.num_workers", "0",
)  # fmt: skip
CLIPS = (
    "--data.clip.size", "48", "--data.clip.num_frames", "3", "--data.batch_size", "2",
    "--model.tuning.freeze", "image_encoder,motion_encoder",
    "--trainer.max_epochs", "1", "--trainer.limit_train_batches", "2",
)  # fmt: skip


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("raft") / "small.pth"
    torch.manual_seed(1)
    torch.save(raft_small(weights=None).state_dict(), path)
    return path


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """Two training videos and one validation video of 4 frames, 48 x 64."""
    root = tmp_path_factory.mktemp("sample") / "data"
    argv = ["sample", root, "--videos", 2, "--valid", 1, "--frames", 4, "--size", 48, 64]
    assert main([str(word) for word in argv]) == 0
    return root


def words(command, recipe, few, weights, *more):
    fixed = (command, "--config", recipe, "--data.root", few, *SMALL)
    return [str(word) for word in (*fixed, "--model.net.flow.weights", weights, *more)]


@pytest.mark.slow
def test_fit_validate_and_predict(few, weights, tmp_path):
    run = tmp_path / "run"
    few_clips = ("--data.clip.clips_per_epoch", "2")  # one of its videos is held out
    assert main(words("fit", "zoo/tmo.yaml", few, weights, *CLIPS, *few_clips, "--out", run)) == 0
    header = next((run / "logs").rglob("metrics.csv")).read_text().splitlines()[0].split(",")
    assert {"train/loss", "train/loss_ce", "val/jf"} <= set(header)
    net = yaml.safe_load((run / "config.yaml").read_text())["model"]["init_args"]["net"]
    assert net["init_args"]["still_share"] == 0.75
    best = run / "checkpoints" / "best.ckpt"
    stored = torch.load(best, weights_only=True)["state_dict"]
    assert all(name.startswith("net.vos.") for name in stored)  # RAFT is no part of it
    out = ("--out", tmp_path / "out", "--ckpt_path", best)
    assert main(words("predict", "stseg/tmo.yaml", few, weights, *out)) == 0
    (video,) = (few / "valid" / "GroundTruth").iterdir()
    written = sorted((tmp_path / "out" / "Annotations" / video.name).iterdir())
    assert [p.name for p in written] == sorted(p.name for p in video.iterdir())
    given = read_id_map(few / "valid" / "Annotations" / video.name / "00000.png")
    assert (read_id_map(written[0]) == given).all()
    assert main(words("validate", "zoo/tmo.yaml", few, weights, *out)) == 0


@pytest.mark.slow
def test_the_objective_of_four_terms(few, weights, tmp_path):
    plain = ("--data", "MOSEDataModule", "--data.augment", "null")
    more = (*plain, *CLIPS, "--trainer.limit_val_batches", "0", "--checkpoint.monitor", "null")
    assert main(words("fit", "zoo/tmo_deepsegma.yaml", few, weights, *more, "--out", tmp_path)) == 0
    header = next((tmp_path / "logs").rglob("metrics.csv")).read_text().splitlines()[0].split(",")
    assert {f"train/loss_{term}" for term in ("ce", "dice", "sim", "iou")} <= set(header)
