"""Every recipe, alone and under every overlay, goes through the real parser and builds."""

from pathlib import Path

import pytest
import torch
import yaml

from pvuw.ensemble.recipe import read_recipe
from pvuw.recipes import config_dir
from tests.helpers.cli import build, parse

ROOT = config_dir()
NO_RECIPES = ("overlays", "data", "sweeps")
YAML = sorted(p for p in ROOT.glob("*/*.yaml") if p.parent.name not in NO_RECIPES)
ENSEMBLES = [path for path in YAML if "\nmembers:" in path.read_text()]
RECIPES = [path for path in YAML if path not in ENSEMBLES]
TRAINING = [path for path in RECIPES if "PredictDataModule" not in path.read_text()]
OVERLAYS = sorted((ROOT / "overlays").glob("*.yaml"))


def names(paths):
    return [str(path.relative_to(ROOT)) for path in paths]


def test_there_are_recipes():
    assert len(RECIPES) > len(TRAINING) >= 6
    assert OVERLAYS


@pytest.mark.parametrize("recipe", names(YAML))
def test_recipe_is_short_and_says_what_to_expect(recipe):
    text = (ROOT / recipe).read_text()
    assert len(text.splitlines()) <= 40
    assert text.startswith("#")


VARIANTS = [path for path in RECIPES if "\nextends:" in path.read_text()]


def test_sizes_are_variants_that_say_little():
    sizes = [f"mose/sam2_{size}.yaml" for size in ("tiny", "small", "large")]
    assert set(sizes) <= set(names(VARIANTS))
    for recipe in sizes:
        assert len((ROOT / recipe).read_text().splitlines()) <= 20


@pytest.mark.parametrize("recipe", names(VARIANTS))
def test_a_variant_is_the_recipe_it_extends_and_what_it_says_itself(recipe):
    said = yaml.safe_load((ROOT / recipe).read_text())
    base = said.pop("extends")
    found = parse("fit", "--config", recipe, "--data.root", "somewhere").as_dict()
    whole = parse("fit", "--config", base, "--config", yaml.dump(said), "--data.root", "somewhere")
    for config in (found, whole := whole.as_dict()):
        del config["config"], config["extends"]
    assert found == whole


# A parse takes about a second, so not every pair of what is independent is tried; `predict` is
# parsed where the network is built.
COMMANDS = [(r, "fit") for r in names(TRAINING)]
COMMANDS += [("mose/sam2_nano.yaml", c) for c in ("validate", "test")]


@pytest.mark.parametrize(("recipe", "command"), sorted(COMMANDS))
def test_recipe_parses_for_every_command(recipe, command):
    config = parse(command, "--config", recipe, "--data.root", "somewhere")
    assert config.data.init_args.root == Path("somewhere")


@pytest.mark.parametrize("recipe", names(ENSEMBLES))
def test_ensemble_names_recipes_that_exist(recipe):
    members = read_recipe(ROOT / recipe).members
    assert len(members) > 1
    for member in members:
        assert ROOT / member.config in RECIPES
        argv = ["predict", "--config", member.config, "--data.root", "somewhere", *member.args]
        if member.weights is not None:
            argv += ["--model.net.weights", member.weights]
        parse(*argv)


@pytest.mark.parametrize("overlay", names(OVERLAYS))
@pytest.mark.parametrize("recipe", ["mose/sam2_base_plus.yaml", "deepsegma/sam2_nano.yaml"])
def test_recipe_parses_under_every_overlay(recipe, overlay):
    parse("fit", "--config", recipe, "--config", overlay, "--data.root", "somewhere")


@pytest.mark.parametrize("recipe", names(RECIPES))
def test_recipe_builds_its_network_with_tiny_weights(recipe, tmp_path):
    argv = ["predict", "--config", recipe, "--data.root", "somewhere"]
    small = {"Sam2": "64", "Sam3": "56"}
    config = parse(*argv)
    assert config.data.init_args.root == Path("somewhere")
    name = config.model.init_args.net.class_path.rpartition(".")[2]
    if name in small:
        argv += ["--model.net.size", "nano", "--model.net.image_size", small[name]]
    if name == "ReferDino":
        argv += ["--model.net.size", "nano"]
    if name == "ReferDinoPlus":
        argv += ["--model.net.finder.size", "nano", "--model.net.tracker.size", "nano"]
        argv += ["--model.net.tracker.image_size", "64"]
    # They name published weights, which are not at hand.
    if recipe.startswith("predict/") or "weights: weights/" in (ROOT / recipe).read_text():
        overlay = tmp_path / "random.yaml"
        flow = "flow: {weights: null}" if recipe.endswith("tmo.yaml") else ""
        net = f"init_args: {{weights: null, {flow}}}"
        overlay.write_text(f"model: {{init_args: {{net: {{{net}}}}}}}\n")
        argv += ["--config", str(overlay)]
    argv += ["--trainer.precision", "32-true", "--trainer.strategy", "auto"]
    module = build(*argv, "--trainer.accelerator", "cpu").model
    assert isinstance(module, torch.nn.Module)
    assert module.net is not None
