import pytest

from pvuw.command_line.parser import configs_first
from tests.helpers.cli import parse

RECIPE = ("--config", "mose/sam2_nano.yaml")


@pytest.mark.parametrize("overlay_first", [False, True])
def test_flags_win_wherever_the_files_stand(tmp_path, overlay_first):
    overlay = tmp_path / "mine.yaml"
    overlay.write_text("trainer: {max_epochs: 3}\ndata: {init_args: {batch_size: 5}}\n")
    flags = ("--trainer.max_epochs", "7", "--data.clip.size", "64")
    files = (*RECIPE, f"--config={overlay}")
    config = parse("fit", *(files + flags if overlay_first else flags + files))
    assert config.trainer.max_epochs == 7
    assert config.data.init_args.clip.size == 64
    assert config.data.init_args.batch_size == 5


def test_a_class_chosen_by_flag_wins_over_a_later_file():
    config = parse("predict", "--data", "PredictDataModule", "--data.images", "x", *RECIPE)
    assert config.data.class_path == "datamodules.PredictDataModule"


def test_files_keep_their_order():
    words = ["fit", "--out", "o", "-c", "a.yaml", "--seed_everything", "1", "--config=b.yaml"]
    assert configs_first(words)[1:4] == ["-c", "a.yaml", "--config=b.yaml"]
    assert configs_first(["fit", "--config"]) == ["fit", "--config"]


@pytest.mark.parametrize("flag", [("--model.net.weights", "null"), ("--model.net.weights=~",)])
def test_null_by_flag_is_null_also_in_a_class_within_a_class(flag):
    """Without weights where the recipe names some; not a file of the name None."""
    config = parse("predict", *RECIPE, "--data.root", "x", *flag)
    assert config.model.init_args.net.init_args.weights is None


def test_null_by_flag_turns_off_a_group_of_options():
    words = ("--config", "predict/sam3.yaml", "--data.images", "x", "--data.masks", "y")
    nulls = ("--model.net.selection", "null", "--model.tuning.freeze=null")
    config = parse("predict", *words, *nulls).model.init_args
    assert config.net.init_args.selection is config.tuning.freeze is None
