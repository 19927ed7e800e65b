"""`pvuw weights`: what it prints, writes and refuses."""

import argparse
import hashlib
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch

from pvuw.commands import weights as command
from pvuw.commands.published import Published
from pvuw.errors import PvuwError, WeightsError
from pvuw.io.download import Checksum
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


# Published weights.


@pytest.fixture
def raft(tmp_path):
    """A server's folder with RAFT weights, as `fetch` would find them."""
    from torchvision.models.optical_flow import raft_small

    folder = tmp_path / "server"
    folder.mkdir()
    torch.save(raft_small(weights=None).state_dict(), folder / "raft.pth")
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}/raft.pth", folder / "raft.pth"
        http.shutdown()
        thread.join()


def publish(monkeypatch, network, address, checksum=None):
    entry = Published(network, "raft.pth", address, "BSD-3-Clause", checksum)
    monkeypatch.setitem(command.PUBLISHED, "ours", entry)


def test_fetch(raft, monkeypatch, tmp_path, capsys):
    address, source = raft
    digest = hashlib.md5(source.read_bytes()).hexdigest()
    publish(monkeypatch, "RAFT small", address, Checksum("md5", digest))
    assert run("fetch", "ours", "--out", tmp_path / "w") == 0
    path = tmp_path / "w" / "raft.pth"
    assert path.read_bytes() == source.read_bytes()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{address} (licence: BSD-3-Clause)"
    assert "  network  RAFT small" in lines
    assert lines[-1] == "  checksum md5 fits"
    with pytest.raises(PvuwError, match="there already"):
        run("fetch", "ours", "--out", tmp_path / "w")


def test_fetch_deletes_what_is_another_network(raft, monkeypatch, tmp_path):
    publish(monkeypatch, "TMO rn101", raft[0])
    with pytest.raises(WeightsError, match="holds RAFT small and not TMO rn101"):
        run("fetch", "ours", "--out", tmp_path / "w")
    assert not list((tmp_path / "w").iterdir())


@pytest.mark.parametrize("name", ["tmo_rn101", "tmo_mitb1", "livos_wmose", "sam3"])
def test_fetch_says_where_and_under_which_licence(name, tmp_path):
    entry = command.PUBLISHED[name]
    with pytest.raises(PvuwError) as caught:
        run("fetch", name, "--out", tmp_path)
    message = str(caught.value)
    assert entry.address in message
    assert entry.licence in message
    assert ("non-commercial" in message) == name.startswith("tmo")
    assert str(tmp_path / entry.file) in message


def test_fetch_of_an_unknown_name_lists_them():
    with pytest.raises(PvuwError, match=r"sam2\.1_tiny.*raft_small"):
        run("fetch", "sam4")


def test_published_files_are_named_as_inspect_names_them():
    for entry in command.PUBLISHED.values():
        assert entry.address.startswith("https://")
        assert entry.licence
        if not entry.by_hand:
            assert entry.address.endswith(entry.file)


def test_other_networks_are_exported_as_tensors_by_name(tmp_path, capsys):
    weights = {
        name: torch.ones(2)
        for name in ("vos.app_encoder.layer4.2.conv3.weight", "vos.mo_encoder.a", "vos.decoder.b")
    }
    state = {f"net.{name}": weight for name, weight in weights.items()}
    torch.save({"state_dict": state, "epoch": 1, "global_step": 9}, tmp_path / "a.ckpt")
    assert run("export", "--ckpt", tmp_path / "a.ckpt", "--out", tmp_path / "a.pth") == 0
    assert torch.load(tmp_path / "a.pth").keys() == weights.keys()
    assert "  network  TMO rn101" in capsys.readouterr().out.splitlines()
