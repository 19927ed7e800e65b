"""STSeg's five networks, small, on generated video: run, broken off, continued, made one."""

import json
from pathlib import Path

import pytest
import torch
import yaml
from torchvision.models.optical_flow import raft_small

from pvuw.cli import main
from pvuw.commands.ensemble_members import MemberRunner
from pvuw.io.masks import read_id_map
from pvuw.recipes import find_config

CPU = [
    "--trainer.accelerator", "cpu", "--trainer.devices", "1", "--trainer.strategy", "auto",
    "--trainer.precision", "32-true",
]  # fmt: skip
NARROW = [
    "--model.net.widths", "{dim: 32, key_dim: 16, decoder_dims: [16, 16], trunk: 8,"
    " num_queries: 4, num_blocks: 1, num_heads: 2, feedforward_dim: 64}",
    "--model.net.frame_size", "{shorter_side: 64}",
]  # fmt: skip
SMALL = {
    "sam2": [
        "--model.net.size", "nano", "--model.net.image_size", "192",
        "--model.net.weights", "shipped",
    ],
    "sam3": ["--model.net.size", "nano", "--model.net.image_size", "56"],
    "cutie": NARROW,
    "livos": NARROW,
    "xmem": [
        "--model.net.frame_size.shorter_side", "64", "--model.net.widths.trunk", "8",
        "--model.net.widths.value", "32", "--model.net.widths.key", "16",
        "--model.net.widths.sensory", "8",
    ],
    "tmo": [
        "--model.net.variant", "mitb1", "--model.net.image_size", "32", "--model.net.flow.model",
        "small", "--model.net.flow.updates", "1", "--model.net.flow.weights", "raft.pth",
    ],
}  # fmt: skip


def small_recipe(path, name="stseg/pgmr.yaml"):
    """An ensemble's recipe with networks that are small and, but for SAM 2, know nothing."""
    recipe = yaml.safe_load(Path(find_config(name)).read_text())
    for name, member in recipe["members"].items():
        member |= {"weights": None, "args": CPU + SMALL[name]}
    path.write_text(yaml.safe_dump(recipe, sort_keys=False))
    torch.save(raft_small(weights=None).state_dict(), "raft.pth")
    return recipe


@pytest.mark.slow
def test_five_networks_broken_off_and_continued(sample, monkeypatch):
    recipe = small_recipe(Path("recipe.yaml"))
    started = []

    def start(self, argv, log, device):
        """As the real one, but here: five processes that import everything take too long."""
        if len(started) == 2:
            started.append("broken off")
            raise KeyboardInterrupt
        started.append(argv[argv.index("--config") + 1])
        return main(argv)

    monkeypatch.setattr(MemberRunner, "start", start)
    valid = sample / "valid"
    argv = ["ensemble", "--config", "recipe.yaml", "--images", valid / "JPEGImages"]
    argv += ["--masks", valid / "Annotations", "--out", "out", "--workers", "1"]
    argv = [str(word) for word in argv]
    assert main(argv) == 130
    assert not list(Path("out").glob("Annotations/*"))
    assert main(argv) == 0
    configs = [member["config"] for member in recipe["members"].values()]
    assert sorted(started) == sorted([*configs, "broken off"])  # each of them once
    for video in sorted((valid / "Annotations").iterdir()):
        first = read_id_map(video / "00000.png")
        written = sorted(Path("out/Annotations", video.name).iterdir())
        assert len(written) == 8
        assert (read_id_map(written[0]) == first).mean() > 0.97
        head = json.loads(Path(f"out/agreement/{video.name}.jsonl").read_text().splitlines()[0])
        assert {*head["members"]} == {*recipe["members"]}  # fused: all of them, nobody is followed


@pytest.mark.slow
def test_sam3_is_a_member(sample, monkeypatch):
    recipe = small_recipe(Path("recipe.yaml"), "stseg/pgmr_sam3.yaml")
    monkeypatch.setattr(MemberRunner, "start", lambda self, argv, log, device: main(argv))
    valid = sample / "valid"
    argv = ["ensemble", "--config", "recipe.yaml", "--images", str(valid / "JPEGImages")]
    argv += ["--masks", str(valid / "Annotations"), "--out", "out", "--workers", "1"]
    assert main(argv) == 0
    for agreement in sorted(Path("out/agreement").iterdir()):
        head = json.loads(agreement.read_text().splitlines()[0])
        assert {*recipe["members"]} == {"sam3", "sam2", "cutie"}
        assert {*head["members"]} == {*recipe["members"]}
