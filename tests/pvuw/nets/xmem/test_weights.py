"""Published checkpoints go in whole, anything else is refused."""

import hashlib
import json
import socket

import pytest
import torch

from pvuw.errors import WeightsError
from pvuw.nets.xmem import XMem
from pvuw.nets.xmem.modules import XMemWidths
from tests.pvuw.nets.xmem.conftest import NARROW

PUBLISHED_LAYOUT = "b4feacda0468ba2f389f8a2b1fa3cb27f711ac750acaf6986ad494e5a97d7e29"
"""SHA-256 of the names and shapes of XMem.pth as JSON."""


@pytest.fixture
def saved(narrow, tmp_path):
    """Saves changed weights of a narrow network and returns the file."""

    def save(**changes):
        weights = {**narrow().state_dict(), **changes}
        path = tmp_path / "XMem.pth"
        torch.save({name: w for name, w in weights.items() if w is not None}, path)
        return path

    return save


def test_names_and_shapes_are_the_published_ones():
    with torch.device("meta"):
        state = XMem().state_dict()
    layout = json.dumps([[name, list(weight.shape)] for name, weight in state.items()])
    assert len(state) == 412
    assert hashlib.sha256(layout.encode()).hexdigest() == PUBLISHED_LAYOUT


def test_widths_come_from_the_file(saved, narrow):
    net = XMem(saved())
    assert net.widths == NARROW
    for name, weight in narrow().state_dict().items():
        assert torch.equal(net.state_dict()[name], weight), name


def test_a_file_without_sensory_memory(tmp_path, narrow):
    path = tmp_path / "XMem-no-sensory.pth"
    widths = XMemWidths(key=16, value=32, sensory=0, trunk=8)
    torch.save(narrow(widths=widths).state_dict(), path)
    assert XMem(path).widths == widths


def test_a_network_for_one_object_gets_an_empty_channel(saved, narrow):
    stem = narrow().value_encoder.conv1.weight.detach()
    net = XMem(saved(**{"value_encoder.conv1.weight": stem[:, :4].clone()}))
    assert torch.equal(net.value_encoder.conv1.weight[:, :4], stem[:, :4])
    assert not net.value_encoder.conv1.weight[:, 4].any()


def test_wrong_files_are_refused_with_the_keys_that_differ(saved, tmp_path):
    with pytest.raises(WeightsError, match=r"1 missing: decoder\.pred\.weight"):
        XMem(saved(**{"decoder.pred.weight": None}))
    with pytest.raises(WeightsError, match=r"1 unexpected: decoder\.extra"):
        XMem(saved(**{"decoder.extra": torch.zeros(1)}))
    with pytest.raises(WeightsError, match=r"decoder\.pred\.bias \[7\] instead of \[1\]"):
        XMem(saved(**{"decoder.pred.bias": torch.zeros(7)}))
    other = tmp_path / "other.pth"
    torch.save({"backbone.conv1.weight": torch.zeros(3)}, other)
    with pytest.raises(
        WeightsError, match=r"no XMem weights, key_encoder\.conv1\.weight, .* missing"
    ):
        XMem(other)
    path = saved()
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(WeightsError, match="cut short"):
        XMem(path)


def test_construction_opens_no_connection(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    XMem()
