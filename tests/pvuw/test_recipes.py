"""Recipes that extend another one, and the size that is said once."""

import pytest
import yaml

from pvuw.errors import PvuwError
from pvuw.recipes import config_dir, recipe_files
from tests.helpers.cli import BuiltOnly, build_cli, parse


class Completed(BuiltOnly):
    """Stops when everything is filled in."""

    def instantiate_classes(self):
        pass


def complete(*argv):
    cli = build_cli([*argv, "--data.root", "somewhere"], cli_class=Completed)
    return cli.config[cli.config.subcommand]


def sizes(*argv):
    config = complete("fit", "--config", *argv)
    return config.model.init_args.net.init_args.get("image_size"), config.data.init_args.clip.size


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["mose/sam2_nano.yaml"], (256, 256)),
        (["mose/sam2_large.yaml"], (1024, 1024)),
        (["mose/sam2_nano.yaml", "--model.net.image_size", "96"], (96, 96)),
        (["mose/sam2_nano.yaml", "--data.clip.size", "64"], (256, 64)),
        (
            ["mose/sam2_nano.yaml", "--model.net.image_size", "96", "--data.clip.size", "64"],
            (96, 64),
        ),
        (["zoo/cutie.yaml"], (None, 480)),  # a network that takes any size
        (["mose/sam2_nano.yaml", "--data", "MOSEPlusDataModule"], (256, 256)),
    ],
)
def test_clips_have_the_size_of_the_network_unless_they_are_given_one(argv, expected):
    assert sizes(*argv) == expected


def test_a_data_module_without_clips_needs_no_size():
    config = complete(
        "predict",
        "--config",
        "mose/sam2_nano.yaml",
        "--data",
        "PredictDataModule",
        "--data.images",
        "x",
    )
    assert config.model.init_args.net.init_args.image_size == 256


def test_the_saved_configuration_stands_by_itself(tmp_path):
    config = complete("fit", "--config", "mose/sam2_tiny.yaml")
    assert config.extends is None
    assert config.model.init_args.net.init_args.size == "tiny"
    assert config.data.init_args.clip.num_frames == 8


def test_recipes_extend_recipes(tmp_path):
    base = tmp_path / "base.yaml"
    base.write_text("extends: mose/sam2_nano.yaml\ntrainer: {max_epochs: 7}")
    top = tmp_path / "top.yaml"
    top.write_text(f"extends: {base}\ntrainer: {{precision: 64}}")
    files = recipe_files(str(top))
    assert files == [str(config_dir() / "mose/sam2_nano.yaml"), str(base), str(top)]
    config = parse("fit", "--config", top, "--data.root", "somewhere")
    assert (config.trainer.max_epochs, config.trainer.precision) == (7, 64)
    assert config.data.init_args.batch_size == 2


def test_a_circle_is_one_line(tmp_path):
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    one.write_text(yaml.dump({"extends": str(two)}))
    two.write_text(yaml.dump({"extends": str(one)}))
    with pytest.raises(PvuwError, match=r"two\.yaml: extends .*one\.yaml, which extends it"):
        recipe_files(str(one))


@pytest.mark.parametrize(("said", "message"), [("none.yaml", "no such recipe"), (["a"], "of one")])
def test_a_wrong_base_is_one_line(tmp_path, said, message):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.dump({"extends": said}))
    with pytest.raises(PvuwError, match=message):
        recipe_files(str(recipe))
