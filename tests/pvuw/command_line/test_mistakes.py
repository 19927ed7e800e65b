"""Typical mistakes: each is one line with the wrong name, where it stands, and the right one."""

import pytest

from pvuw.cli import main

RECIPE = ("--config", "mose/sam2_nano.yaml")
SEE_ALL = "see pvuw fit --help all"

FLAGS = {
    "--data.rot x": (
        "--data.rot x:",
        "did you mean root?",
        "see pvuw fit --data.help MOSEDataModule",
    ),
    "--data.images x": ("has no images", "add --data PredictDataModule"),
    "--confg x": ("--confg x:", "did you mean config?", SEE_ALL),
    "--ouput x": ("--ouput x:", "did you mean out?"),
    "--trainer.max_epoch 3": ("Trainer has no max_epoch", "did you mean max_epochs?", SEE_ALL),
    "--trainer.max_epochs three": ("--trainer.max_epochs three:", "a whole number or null"),
    "--trainer.precision bf17": ("bf16-mixed", "did you mean bf16?"),
    "--trainer.logger WandLogger": ("no class WandLogger", "did you mean WandbLogger?"),
    "--trainer.callbacks+ EarlyStoping": ("no class EarlyStoping", "did you mean EarlyStopping?"),
    "--trainer.strategy dpp": ("trainer.strategy dpp:", "did you mean ddp?", SEE_ALL),
    "--trainer.accelerator gpuu": ("trainer.accelerator gpuu:", "did you mean gpu?"),
    "--trainer.accelerator cpu --trainer.devices 2x": ("trainer.devices 2x", SEE_ALL),
    "--model.net.weigths x": ("Sam2 has no weigths", "weights?", "--model.init_args.net.help Sam2"),
    "--model.net Cuties": ("no class Cuties", "did you mean Cutie?", "Sam2", "XMem"),
    "--model.net VOSLoss": ("no class VOSLoss", "there are", "Sam2"),
    "--model.net lightning_modules.VOSModule": ("is no VideoSegmenter", "Sam2"),
    "--model.net.size nno": ("size must be one of nano", "'nno'"),
    "--model.protocol mosse": ("--model.protocol mosse:", "davis2017", "did you mean mose?"),
    "--model.optim.lr fast": ("--model.optim.lr fast: must be a number",),
    "--model.loss.ce_wieght 3": ("VOSLoss has no ce_wieght", "did you mean ce_weight?"),
    "--model.inference.views.scale 1": ("ViewConfig has no scale", "did you mean scales?"),
    "--model.tuning x": ("must be keys and values of TuningConfig",),
    "--data.clip.fit strech": ("stretch, crop, keep", "did you mean stretch?"),
    "--data.augment.class_path datamodules.augment.sam2_moze": ("did you mean sam2_mose?",),
    "--baseline maybe": ("--baseline maybe: must be true or false", SEE_ALL),
    "--start_from.checkpoint bst": ("best, last", "did you mean best?"),
    "--mask_writer.output_dir x": ("is set by --out",),
    "extra": ("extra: no option takes it",),
    "--out": ("--out: is given no value",),
    "--config mose/sam2_nanno.yaml": ("mose/sam2_nanno.yaml:", "did you mean mose/sam2_nano.yaml?"),
    "--config nothere.txt": ("nothere.txt: no such file", "a recipe"),
}
FILES = {
    "data: {class_path: MoseDataModule}": (
        "data.class_path:",
        "MOSEDataModule?",
        "PredictDataModule",
    ),
    "data: {init_args: {bach_size: 3}}": ("data.bach_size:", "did you mean batch_size?"),
    "data: {init_args: {batch_size: many}}": ("data.batch_size 'many': must be a whole number",),
    "modle: {seed: 1}": ("modle:", "did you mean model?"),
    "trainer: {max_epohs: 3}": ("Trainer has no max_epohs", "did you mean max_epochs?"),
    "trainer:\n\tmax_epochs: 3": ("line 2, column 1", "a tab; indent with spaces"),
    "trainer: {max_epochs: 3": ("line 2, column 1", "no valid YAML"),
    "# trainer:\n#   max_epochs: 3": ("sets nothing", "all comments"),
    "just words": ("has no keys",),
    "model: {init_args: {net: {init_args: {weigths: x}}}}": ("model.net.weigths:", "weights?"),
    "model: {init_args: {net: {class_path: Cutie, init_args: {image_size: 3}}}}": (
        "Cutie has no image_size",
        "--model.init_args.net.help Cutie",
    ),
    "model: {init_args: {inference: {mask_steps: [{class_path: ClosGaps}]}}}": (
        "mask_steps[].class_path: no class ClosGaps, did you mean CloseGaps?",
    ),
    "model: {init_args: {inference: {mask_steps: [{class_path: CloseGaps, init_args: {kernal: 2}}"
    "]}}}": ("CloseGaps has no kernal, did you mean kernel?",),
}


def one_line(capsys, argv):
    """The only line the command says of its own; Lightning may have told the hardware before."""
    assert main(argv) == 2
    shown = capsys.readouterr()
    lines = [line for line in shown.err.splitlines() if line.startswith("pvuw: ")]
    assert len(shown.err.splitlines()) < 8
    assert "Traceback" not in shown.err
    assert len(lines) == 1, shown.err
    assert lines[0].startswith("pvuw: error: ")
    assert "usage:" not in shown.err + shown.out
    assert len(lines[0]) < 700
    return lines[0]


@pytest.mark.parametrize("flags", FLAGS)
def test_flag(flags, capsys):
    line = one_line(capsys, ["fit", *RECIPE, "--data.root", "x", *flags.split()])
    for part in FLAGS[flags]:
        assert part in line


@pytest.mark.parametrize("text", FILES)
def test_file(text, tmp_path, capsys):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    line = one_line(capsys, ["fit", *RECIPE, "--config", str(path), "--data.root", "x"])
    for part in (f"{path}: ", *FILES[text]):
        assert part in line


@pytest.mark.parametrize(
    ("argv", "part"),
    [
        (["fit"], "nothing says which model to use: give a recipe"),
        (["fit", "--model", "VOSModule"], "nothing says which data to use"),
        (
            ["fit", "--model", "VOSModule", "--data", "MOSEDataModule"],
            "model.net: VOSModule needs it and nothing gives it",
        ),
    ],
)
def test_missing(argv, part, capsys):
    assert part in one_line(capsys, argv)


def test_each_command_names_its_own_help(capsys):
    for command in ("fit", "validate", "test", "predict"):
        line = one_line(capsys, [command, *RECIPE, "--data.rot", "x"])
        assert f"see pvuw {command} --data.help MOSEDataModule" in line
