"""What `--ckpt_path` names and is no checkpoint of this run's network: one line says what it is."""

import pytest
import torch

from pvuw.cli import main
from pvuw.errors import WeightsError
from pvuw.nets.sam2 import Sam2
from pvuw.weights import read_run_checkpoint, require_same_network
from tests.helpers.cli import build

RECIPE = ("--config", "mose/sam2_nano.yaml", "--model.net.image_size", "64")
SCRATCH = ("--config", "fvos/nano_stage1.yaml", "--model.net.image_size", "64")
CPU = ("--trainer.accelerator", "cpu", "--trainer.devices", "1", "--data.root", "x")


@pytest.fixture(scope="module")
def content():
    """A checkpoint as Lightning writes it, of nano."""
    torch.manual_seed(3)
    state = {f"net.{name}": weight for name, weight in Sam2(image_size=64).state_dict().items()}
    return {
        "pytorch-lightning_version": "2.6.6",
        "state_dict": state,
        "optimizer_states": [{"state": {}, "param_groups": []}],
        "epoch": 1,
        "global_step": 4,
        "callbacks": {"WandbRun": {"run_id": "abc"}},
    }


KINDS = {
    "cut": "cut short at 20000 bytes",
    "empty": "an empty file",
    "page": "a web page saved as a file",
    "bom page": "a web page saved as a file",
    "denied": "a web page saved as a file",
    "pointer": "a pointer of Git LFS",
    "text": "no weights, or cut short",
    "official": "official weights of SAM 2.1 nano, not a checkpoint of a run; give them as "
    "--model.net.weights",
    "bare": "official weights of SAM 2.1 nano",
    "somebody's": "no checkpoint of a run of ours",
    "list": "no checkpoint of a run of ours",
}


def write(kind, path, content):
    official = {n.removeprefix("net.model."): w for n, w in content["state_dict"].items()}
    raw = {
        "empty": b"",
        "page": b"<!DOCTYPE html><html>sign in</html>",
        "bom page": b"\xef\xbb\xbf\n <HTML><body>",
        "denied": b'<?xml version="1.0"?><Error>AccessDenied</Error>',
        "pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:aa\n",
        "text": b"epoch 3",
    }
    saved = {
        "official": {"model": official},
        "bare": official,
        "somebody's": {"state_dict": {"backbone.weight": torch.zeros(2)}, "epoch": 3},
        "list": [1, 2, 3],
        "cut": content,
    }
    if kind in raw:
        path.write_bytes(raw[kind])
    else:
        torch.save(saved[kind], path)
    if kind == "cut":
        path.write_bytes(path.read_bytes()[:20000])
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_file_is_and_what_to_give(kind, content, tmp_path):
    path = write(kind, tmp_path / "c.ckpt", content)
    with pytest.raises(WeightsError) as error:
        read_run_checkpoint(path, to_continue=False)
    line = str(error.value)
    assert KINDS[kind] in line
    assert str(path) in line
    assert "\n" not in line


def test_weights_alone_predict_and_do_not_continue(content, tmp_path):
    alone = {name: value for name, value in content.items() if name != "optimizer_states"}
    torch.save(alone, tmp_path / "c.ckpt")
    assert read_run_checkpoint(tmp_path / "c.ckpt", to_continue=False).keys()
    with pytest.raises(WeightsError, match="holds weights without the state of training"):
        read_run_checkpoint(tmp_path / "c.ckpt", to_continue=True)


def test_another_network_is_named(content, tmp_path):
    torch.save(content, tmp_path / "c.ckpt")
    state = read_run_checkpoint(tmp_path / "c.ckpt", to_continue=True)
    require_same_network(tmp_path / "c.ckpt", state, content["state_dict"])
    tiny = {f"net.{n}": w for n, w in Sam2("tiny", image_size=64).state_dict().items()}
    with pytest.raises(
        WeightsError, match=r"weights of SAM 2\.1 nano do not fit SAM 2\.1 tiny; give the recipe"
    ) as error:
        require_same_network(tmp_path / "c.ckpt", state, tiny)
    assert "\n" not in str(error.value)


def test_the_runs_own_configuration_is_offered(content, tmp_path):
    path = tmp_path / "run" / "checkpoints" / "best.ckpt"
    path.parent.mkdir(parents=True)
    (tmp_path / "run" / "config.yaml").touch()
    with pytest.raises(WeightsError, match=r"give --config .*run/config\.yaml"):
        require_same_network(path, content["state_dict"], {"net.other": torch.zeros(1)})


# From every entrance.


def one_line(capsys):
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("pvuw: ")]
    assert len(lines) == 1
    return lines[0]


@pytest.mark.parametrize("command", ["fit", "predict", "validate", "test"])
def test_every_command_refuses_in_one_line(command, content, tmp_path, capsys):
    path = write("cut", tmp_path / "c.ckpt", content)
    argv = [command, *RECIPE, *CPU, "--out", str(tmp_path / "o"), "--ckpt_path", str(path)]
    assert main(argv) == 2
    assert "cut short" in one_line(capsys)
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("kind", ["cut", "page", "official"])
def test_with_weights_and_biases_too(kind, content, tmp_path, capsys):
    pytest.importorskip("wandb", reason="needs the `wandb` extra")
    path = write(kind, tmp_path / "c.ckpt", content)
    argv = ["fit", *RECIPE, *CPU, "--config", "overlays/wandb.yaml", "--out", str(tmp_path / "o")]
    assert main([*argv, "--ckpt_path", str(path)]) == 2
    assert KINDS[kind] in one_line(capsys)


@pytest.mark.parametrize("kind", ["empty", "page"])
def test_another_runs_checkpoint_to_start_from(kind, content, tmp_path, capsys):
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    write(kind, tmp_path / "run" / "checkpoints" / "best.ckpt", content)
    argv = ["fit", *SCRATCH, *CPU, "--out", str(tmp_path / "o")]
    assert main([*argv, "--start_from.run", str(tmp_path / "run")]) == 2
    assert KINDS[kind] in one_line(capsys)


def test_the_commands_network_is_compared_before_anything_runs(content, tmp_path, capsys):
    torch.save(content, tmp_path / "c.ckpt")
    argv = ["predict", *SCRATCH, "--model.net.size", "tiny", *CPU, "--out", str(tmp_path / "o")]
    assert main([*argv, "--ckpt_path", str(tmp_path / "c.ckpt")]) == 2
    assert "weights of SAM 2.1 nano do not fit SAM 2.1 tiny" in one_line(capsys)
    assert build("predict", *RECIPE, *CPU, "--ckpt_path", tmp_path / "c.ckpt").model is not None
