from pathlib import Path

import pytest
import torch
from lightning.pytorch.loggers import CSVLogger, WandbLogger

from pvuw.cli import main
from pvuw.errors import PvuwError
from pvuw.recipes import config_dir, find_config
from pvuw.run_start import resolve_checkpoint
from tests.helpers.cli import build, parse

NANO = ("--config", "mose/sam2_nano.yaml")
CPU = ("--trainer.accelerator", "cpu", "--trainer.devices", "1")


def test_flags_win_over_files_and_later_files_over_earlier(tmp_path):
    overlay = tmp_path / "mine.yaml"
    overlay.write_text("trainer:\n  max_epochs: 3\n  accumulate_grad_batches: 2\n")
    config = parse("fit", *NANO, "--config", overlay, "--trainer.max_epochs", "7")
    assert config.trainer.max_epochs == 7
    assert config.trainer.accumulate_grad_batches == 2
    assert config.trainer.use_distributed_sampler is False  # from base.yaml


def test_wrong_key_is_refused_with_its_name():
    with pytest.raises(PvuwError, match="OptimConfig has no learning_rate"):
        parse("fit", *NANO, "--model.optim.learning_rate", "1")


def test_unknown_recipe_lists_the_shipped_ones():
    assert main(["fit", "--config", "mose/sam9.yaml"]) == 2
    with pytest.raises(PvuwError, match=r"mose/sam9\.yaml.*mose/sam2_nano\.yaml"):
        find_config("mose/sam9.yaml")


def test_recipes_are_found_from_anywhere_and_files_come_first(tmp_path):
    assert Path(find_config("base.yaml")) == config_dir() / "base.yaml"
    (tmp_path / "base.yaml").write_text("trainer: {}\n")
    assert find_config("base.yaml") == "base.yaml"


def test_one_flag_places_checkpoints_masks_and_logs(tmp_path):
    cli = build("fit", *NANO, *CPU, "--out", tmp_path / "run")
    callbacks = {type(c).__name__: c for c in cli.trainer.callbacks}
    checkpoints = tmp_path / "run" / "checkpoints"
    assert Path(callbacks["ModelCheckpoint"].dirpath) == checkpoints
    assert callbacks["LastCheckpoint"].dirpath == checkpoints
    assert callbacks["MaskWriter"].output_dir == tmp_path / "run"
    assert Path(cli.trainer.default_root_dir) == tmp_path / "run"
    assert isinstance(cli.trainer.logger, CSVLogger)
    assert Path(cli.trainer.logger.save_dir) == tmp_path / "run"


def test_best_checkpoint_is_by_validation_jf(tmp_path):
    cli = build("fit", *NANO, *CPU, "--out", tmp_path / "run")
    best = cli.trainer.checkpoint_callback
    assert (best.monitor, best.mode, best.filename) == ("val/jf", "max", "best")


def test_wandb_logger_by_flag_lands_in_the_run_folder(tmp_path):
    cli = build("fit", *NANO, *CPU, "--out", tmp_path / "a", "--trainer.logger", "WandbLogger")
    logger = cli.trainer.logger
    assert isinstance(logger, WandbLogger)
    assert Path(logger.save_dir) == tmp_path / "a"
    assert logger._wandb_init["project"] == "pvuw"
    assert logger._wandb_init["name"] == "a"


def test_checkpoint_never_overrules_flags(tmp_path):
    path = tmp_path / "c.ckpt"
    arguments = {"seed": 99, "protocol": "mosev2"}
    torch.save({"hyper_parameters": arguments | {"_class_path": "VOSModule"}}, path)
    config = parse("predict", *NANO, "--ckpt_path", path, "--model.seed", "5")
    assert config.model.init_args.seed == 5
    assert config.model.init_args.protocol == "mose"


def test_predictions_are_never_returned():
    with pytest.raises(PvuwError, match="there is no return_predictions"):
        parse("predict", *NANO, "--return_predictions", "true")


def test_named_checkpoints_are_this_runs_own(tmp_path):
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    (folder / "best.ckpt").touch()
    best = resolve_checkpoint("best", tmp_path, command="predict")
    assert best == str(folder / "best.ckpt")
    assert resolve_checkpoint(None, tmp_path, command="predict") is None


def test_missing_checkpoint_says_what_is_there(tmp_path):
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    (folder / "last.ckpt").touch()
    with pytest.raises(PvuwError, match=r"best\.ckpt does not exist.*holds last\.ckpt"):
        resolve_checkpoint("best", tmp_path, command="predict")
    with pytest.raises(PvuwError, match="holds no checkpoint"):
        resolve_checkpoint("last", tmp_path / "other", command="predict")


def test_fit_from_last_starts_afresh_where_there_is_none(tmp_path, capsys):
    assert resolve_checkpoint("last", tmp_path, command="fit") is None
    assert "starting afresh" in capsys.readouterr().err


def test_missing_data_is_one_line(tmp_path, capsys):
    argv = ["predict", *NANO, *CPU, "--data.root", "nowhere", "--out", str(tmp_path / "o")]
    assert main(argv) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if "pvuw: error" in line]
    assert len(lines) == 1
    assert "nowhere" in lines[0]


def test_unusable_weights_are_one_line(tmp_path, capsys):
    weights = tmp_path / "half.pt"
    weights.write_bytes(b"half a checkpoint")
    argv = ["predict", *NANO, *CPU, "--out", str(tmp_path / "o"), "--data.root", "x"]
    assert main([*argv, "--model.net.weights", str(weights)]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if "pvuw: error" in line]
    assert len(lines) == 1
    assert str(weights) in lines[0]
    assert len(lines[0]) < 300
