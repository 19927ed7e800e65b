"""Every recipe that trains does so on several devices as it is."""

import json

import pytest
import torch
from torchvision.models.optical_flow import raft_small

from tests.configs.test_recipes import TRAINING, names
from tests.helpers.cli import parse
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
    "Cutie": NARROW,
    "LiVOS": NARROW,
    "XMem": (
        "--model.net.frame_size.shorter_side", "64", "--model.net.widths.trunk", "8",
        "--model.net.widths.value", "32", "--model.net.widths.key", "16",
        "--model.net.widths.sensory", "8",
    ),
    "Tmo": (
        "--model.net.variant", "mitb1", "--model.net.image_size", "32",
        "--model.net.flow.model", "small", "--model.net.flow.updates", "1",
    ),
}  # fmt: skip


def smallest(recipe, config, sample):
    """What makes a recipe small and short, and nothing that concerns processes."""
    name = config.model.init_args.net.class_path.split(".")[-1]
    words = ["fit", "--config", recipe, *SMALLEST[name], *SHORT]
    if name == "Tmo":
        words += ["--model.net.flow.weights", "raft.pth"]
    if config.data.init_args.get("sources"):
        words += ["--data.sources", f"[{{source: mose, root: {sample}, weight: 1}}]"]
    else:  # MOSEDataModule reads what a build of MOSE+ holds as well
        words += ["--data", "MOSEDataModule", "--data.root", sample]
    if config.data.init_args.get("hold_out"):
        words += ["--data.hold_out", "1"]
    return [str(word) for word in (*words, "--out", recipe.replace("/", "_"))]


def decides_gradients(argv):
    """What of a shrunk recipe may decide how processes train together, as text."""
    config = parse(*argv)
    model = config.model.clone()
    del model.init_args["optim"]
    augment = config.data.init_args.get("augment")
    return str((model, augment, config.trainer.strategy, config.trainer.devices))


def different(recipes, sample):
    """Recipes by what decides gradients; of those that are equal, when small, the first."""
    asked = {}
    for recipe in recipes:
        # Recipes of prediction can be parsed for `fit`, but do not say for how long.
        config = parse("fit", "--config", recipe, "--data.root", "somewhere")
        if config.trainer.max_epochs is None:
            continue
        argv = smallest(recipe, config, sample)
        asked.setdefault(decides_gradients(argv), [recipe, [*argv, *CPU, "--trainer.devices", "2"]])
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
