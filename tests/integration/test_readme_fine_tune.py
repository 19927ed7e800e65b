"""README's lines that fine-tune an official checkpoint, word for word, on MOSE as it is published.

Its valid split has first masks only, and its train split a few videos of one frame. Network,
weights and pictures are small, by flags behind README's; all else is what README and recipe say.
"""

import re
import shlex
import shutil
from pathlib import Path

import pytest
import torch

from pvuw.cli import main
from pvuw.nets.sam2 import Sam2
from pvuw.nets.sam2.build import build_sam2_base

README = Path(__file__).parents[2] / "README.md"
SMALL = (
    "--model.net.size", "nano", "--model.net.image_size", "64", "--data.clip.size", "64",
    "--data.clip.num_frames", "3", "--data.num_workers", "0", "--trainer.accelerator", "cpu",
    "--trainer.devices", "1", "--trainer.enable_model_summary", "false",
    "--trainer.max_epochs", "1", "--trainer.strategy", "auto",
)  # fmt: skip


def shown_lines():
    """The block under 'Fine-tune an official checkpoint', one command a line, without `pvuw`."""
    after = README.read_text().split("Fine-tune an official checkpoint", 1)[1]
    block = re.search(r"```\n(.*?)```", after, re.S)[1]
    return [shlex.split(line)[1:] for line in block.splitlines()]


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A folder with `data/MOSE` and an official-looking checkpoint of README's names."""
    monkeypatch.chdir(tmp_path)
    size = ["--videos", "4", "--valid", "1", "--frames", "5", "--size", "64", "96"]
    assert main(["sample", "data/MOSE", *size]) == 0
    train, valid = Path("data/MOSE/train"), Path("data/MOSE/valid")
    shutil.rmtree(valid / "GroundTruth")
    for part, suffix in (("JPEGImages", "jpg"), ("Annotations", "png")):
        (train / part / "330ac20d").mkdir()
        source = sorted((train / part).glob(f"*/00000.{suffix}"))[0]
        shutil.copy(source, train / part / "330ac20d")
    torch.manual_seed(1)
    weights = Sam2("nano").official_state_dict()
    torch.save({"model": weights}, "sam2.1_hiera_base_plus.pt")
    return weights


@pytest.mark.slow
def test_fine_tuning_as_shown_ends_in_an_export(published):
    fit, again, export = shown_lines()
    assert [fit[0], again[0], export[0]] == ["fit", "fit", "weights"]
    with pytest.warns(UserWarning, match="1 of 4 videos are left out"):  # as MOSE's of one frame
        assert main([*fit, *SMALL]) == 0
    run = Path(fit[fit.index("--out") + 1])
    best = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)
    assert best["global_step"] == 6  # 5 videos, 1 held out, 1 too short; 3, each twice
    more = ["--trainer.max_epochs", "2"]
    with pytest.warns(UserWarning, match="1 of 4 videos are left out"):
        assert main([*again, *SMALL, *more]) == 0
    last = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    assert last["global_step"] == 12
    assert main(export) == 0
    exported = torch.load(export[export.index("--out") + 1], weights_only=True)["model"]
    build_sam2_base("nano").load_state_dict(exported, strict=True)
    assert any(not torch.equal(exported[name], published[name]) for name in published)
