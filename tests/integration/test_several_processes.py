"""Every recipe that trains does so on several devices as it is."""

import json
from pathlib import Path

import pytest
import torch
import yaml
from torchvision.models.optical_flow import raft_small

from pvuw.recipes import recipe_files
from tests.configs.test_recipes import TRAINING, names
from tests.helpers.mevis import write_split
from tests.helpers.processes import CPU

STEPS = 3
SHORT = (
    "--data.clip.size", "64", "--data.clip.num_frames", "3", "--data.clip.max_objects", "2",
    "--data.batch_size", "1", "--data.num_workers", "0", "--trainer.limit_val_batches", "0",
    "--trainer.num_sanity_val_steps", "0", "--baseline", "false", "--trainer.logger", "false",
    "--trainer.accumulate_grad_batches", "1", "--trainer.max_steps", str(STEPS),
    "--start_from.run", "null", "--trainer.callbacks+", "tests.integration.fit_driver.Steps",
    "--checkpoint.monitor", "null", "--trainer.precision", "32-true",
    "--trainer.enable_model_summary", "false",
)  # fmt: skip
NARROW = (
    "--model.net.widths", "{dim: 32, key_dim: 16, decoder_dims: [16, 16], trunk: 8,"
    " num_queries: 4, num_blocks: 1, num_heads: 2, feedforward_dim: 64}",
    "--model.net.frame_size", "{shorter_side: 64}", "--model.loss.num_points", "128",
)  # fmt: skip
SMALLEST = {
    "Sam2": ("--model.net.size", "nano", "--model.net.image_size", "64"),
    "Sam3": (
        "--model.net.size", "nano", "--model.net.image_size", "112", "--data.clip.size", "112",
    ),
    "Cutie": NARROW,
    "LiVOS": NARROW,
    "XMem": (
        "--model.net.frame_size.shorter_side", "64", "--model.net.widths.trunk", "8",
        "--model.net.widths.value", "32", "--model.net.widths.key", "16",
        "--model.net.widths.sensory", "8",
    ),
    "ReferDino": ("--model.net.size", "nano", "--model.net.vocabulary", "shipped"),
    "Tmo": (
        "--model.net.variant", "mitb1", "--model.net.image_size", "32",
        "--model.net.flow.model", "small", "--model.net.flow.updates", "1",
    ),
}  # fmt: skip


def said_by(recipe):
    """What a recipe says, with those it extends."""
    said = {}
    for file in recipe_files(recipe):
        said = merged(said, yaml.safe_load(Path(file).read_text()))
    return said


def merged(one, other):
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return other
    both = {key: merged(one[key], other[key]) for key in one.keys() & other.keys()}
    return one | other | both


def smallest(recipe, said, sample):
    """What makes a recipe small and short, and nothing that concerns processes."""
    name, data = said["model"]["init_args"]["net"]["class_path"], said["data"]["init_args"]
    words = ["fit", "--config", recipe, *SHORT, *SMALLEST[name]]
    if name == "Tmo":
        words += ["--model.net.flow.weights", "raft.pth"]
    if name == "ReferDino":
        said_about = sample.parent / "said"
        if not said_about.exists():
            write_split(said_about)
        words += ["--data.root", said_about]
    elif "sources" in data:
        words += ["--data.sources", f"[{{source: mose, root: {sample}, weight: 1}}]"]
    else:  # MOSEDataModule reads what a build of MOSE+ holds as well
        words += ["--data", "MOSEDataModule", "--data.root", sample]
    if "hold_out" in data:
        words += ["--data.hold_out", "1"]
    words += [*CPU, "--trainer.devices", "2", "--out", recipe.replace("/", "_")]
    return [str(word) for word in words]


def decides_gradients(said):
    """What of a recipe is left to decide how processes train together when it is small."""
    model = said["model"]["init_args"]
    net = {**model["net"], "init_args": dict(model["net"].get("init_args", {}))}
    for size in ("size", "image_size", "weights"):
        net["init_args"].pop(size, None)
    parts = {**model, "net": net, "augment": said["data"]["init_args"].get("augment")}
    parts |= {key: said["trainer"].get(key) for key in ("strategy", "devices")}
    parts.pop("optim", None)
    return yaml.safe_dump(parts)


def different(recipes, sample):
    """Recipes by what decides gradients; of those that are equal, when small, the first."""
    asked = {}
    for recipe in recipes:
        said = said_by(recipe)
        if "max_epochs" in said.get("trainer", {}):  # recipes of prediction do not say for how long
            asked.setdefault(decides_gradients(said), [recipe, smallest(recipe, said, sample)])
    return list(asked.values())


@pytest.mark.slow
def test_every_recipe_trains_in_two_processes(sample, processes, tmp_path):
    torch.save(raft_small(weights=None).state_dict(), tmp_path / "raft.pth")
    asked = different(names(TRAINING), sample)
    assert len(TRAINING) > len(asked) > len(SMALLEST)
    driver = "tests.integration.fit_driver:train"
    for process in processes.run(json.dumps(asked), call=driver, folder=tmp_path):
        done = [json.loads(line) for line in process.out.splitlines() if line.startswith('["')]
        assert done == [[name, 0, STEPS] for name, _ in asked], process.err[-6000:]
