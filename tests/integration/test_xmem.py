"""XMem's recipes on a generated data set, and what it learns from one clip."""

import pytest
import torch

from pvuw.cli import main
from pvuw.io.masks import read_id_map
from pvuw.losses.bootstrapped import BootstrappedLoss
from pvuw.nets.matching.framing import SizePolicy
from pvuw.nets.xmem import XMem
from pvuw.nets.xmem.config import XMemConfig
from pvuw.nets.xmem.modules import XMemWidths
from tests.helpers.overfit import crossing_cars, jf, track, train

STEPS = 110

NARROW = (
    "--trainer.accelerator", "cpu", "--trainer.devices", "1", "--trainer.strategy", "auto",
    "--trainer.precision", "32-true", "--model.net.frame_size.shorter_side", "64",
    "--model.net.widths.trunk", "8", "--model.net.widths.value", "32",
    "--model.net.widths.key", "16", "--model.net.widths.sensory", "8",
)  # fmt: skip
CLIPS = (
    "--data.clip.size", "64", "--data.clip.num_frames", "3", "--data.clip.stride", "1",
    "--data.clip.max_objects", "2", "--data.batch_size", "2", "--data.num_workers", "0",
    "--trainer.max_steps", "2", "--trainer.log_every_n_steps", "1",
)  # fmt: skip


def words(*argv):
    return [str(word) for word in argv]


def test_fit_validate_and_predict_from_recipes(sample, tmp_path):
    run, data = tmp_path / "run", ("--data.root", sample)
    fit = words("fit", "--config", "zoo/xmem.yaml", *data, *NARROW, *CLIPS, "--out", run)
    assert main(fit) == 0
    best = run / "checkpoints" / "last.ckpt"
    kept = torch.load(best, weights_only=False, map_location="cpu")["state_dict"]
    assert int(kept["loss.batches"]) == 2
    fixed = ("--config", "stseg/xmem.yaml", *data, *NARROW)
    validate = words("validate", *fixed, "--out", tmp_path / "v", "--ckpt_path", best)
    assert main(validate) == 0
    out = tmp_path / "preds"
    weights = ("--model.net.weights", best)  # their widths need not be said
    predict = words("predict", *fixed[:4], *NARROW[:10], "--out", out, *weights)
    assert main(predict) == 0
    for video in (sample / "valid" / "JPEGImages").iterdir():
        written = [read_id_map(p) for p in sorted((out / "Annotations" / video.name).iterdir())]
        assert [m.shape for m in written] == [(64, 96)] * 8
        given = read_id_map(sample / "valid" / "Annotations" / video.name / "00000.png")
        assert ((written[0] > 0) == (given > 0)).mean() > 0.99


@pytest.mark.slow
def test_one_clip_is_learned():
    frames, masks = crossing_cars()
    net = XMem(
        widths=XMemWidths(key=32, value=64, sensory=16, trunk=12),
        frame_size=SizePolicy(shorter_side=None),
        memory=XMemConfig(mem_every=2),
    )
    assert jf(track(net, frames, masks), masks) < 0.3
    loss = BootstrappedLoss(STEPS // 3, end=STEPS, hard_share=0.3)
    train(net, loss, frames, masks, steps=STEPS)
    assert jf(track(net, frames, masks), masks) > 0.9
