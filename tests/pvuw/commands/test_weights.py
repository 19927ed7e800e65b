"""`pvuw weights`: what it prints, writes and refuses."""

import argparse
import subprocess
import sys

import pytest
import torch

from pvuw.commands import weights as command
from pvuw.errors import WeightsError
from pvuw.nets.sam2 import Sam2


def run(*argv):
    parser = argparse.ArgumentParser(prog="pvuw weights")
    command.add_arguments(parser)
    return command.run(parser.parse_args([str(a) for a in argv]))


@pytest.fixture
def checkpoint(tmp_path):
    net = Sam2(image_size=32)
    state = {f"net.{name}": weight for name, weight in net.state_dict().items()}
    torch.save({"state_dict": state, "epoch": 1, "global_step": 9}, tmp_path / "a.ckpt")
    return tmp_path / "a.ckpt"


def test_inspect(checkpoint, capsys):
    assert run("inspect", checkpoint) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{checkpoint}: training checkpoint, epoch 1, step 9",
        "  network  SAM 2.1 nano",
        "  weights  1,371,506 numbers in 326 tensors, float32",
    ]


def test_export(checkpoint, tmp_path, capsys):
    assert run("export", "--ckpt", checkpoint, "--out", tmp_path / "a.pt") == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"wrote {tmp_path / 'a.pt'}"
    assert run("inspect", tmp_path / "a.pt") == 0
    assert "official weights" in capsys.readouterr().out


def test_a_damaged_file_is_one_line(checkpoint, tmp_path):
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    with pytest.raises(WeightsError, match=r"a\.ckpt: .*cut short"):
        run("export", "--ckpt", checkpoint, "--out", tmp_path / "a.pt")
    assert not (tmp_path / "a.pt").exists()


def test_an_action_is_needed(capsys):
    with pytest.raises(SystemExit):
        run()
    assert "ACTION" in capsys.readouterr().err


def test_help_needs_no_torch():
    """It would take seconds."""
    code = (
        "import argparse, sys; from pvuw.commands import weights\n"
        "parser = argparse.ArgumentParser(); weights.add_arguments(parser); parser.format_help()\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
