"""Building Cutie and LiVOS, and their weights: offline, strict, and told apart."""

import socket

import pytest
import torch

from pvuw.errors import WeightsError
from pvuw.nets.checkpoint import load_official
from pvuw.nets.cutie import Cutie
from pvuw.nets.identify import identify
from pvuw.nets.livos import LiVOS
from tests.pvuw.nets.cutie.tiny import NAMES, frames, tiny


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a network connection was opened")

    monkeypatch.setattr(socket, "socket", refuse)


@pytest.mark.parametrize(
    ("build", "name", "millions"),
    [
        (lambda: Cutie("base"), "Cutie base", 35.06),
        (lambda: Cutie("small"), "Cutie small", 28.76),
        (LiVOS, "LiVOS", 35.17),
    ],
)
@pytest.mark.usefixtures("no_network")
def test_published_sizes_build_offline_and_are_recognised(build, name, millions):
    net = build()
    count = sum(weight.numel() for weight in net.state_dict().values())
    assert count / 1e6 == pytest.approx(millions, abs=0.01)
    assert identify(net.official_state_dict()) == name


@pytest.mark.parametrize("name", NAMES)
def test_official_weights_load_and_every_one_is_needed(name, tmp_path):
    net, other = tiny(name), tiny(name)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.normal_()
    path = tmp_path / "weights.pth"
    weights = other.official_state_dict()
    torch.save(weights, path)
    load_official(path, net)
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), other.parameters(), strict=True))

    first = "mask_decoder.pred.weight"
    torch.save({n: w for n, w in weights.items() if n != first}, path)
    with pytest.raises(WeightsError, match=f"1 missing: {first}"):
        load_official(path, net)
    torch.save(weights, path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(WeightsError, match="cut short"):
        load_official(path, net)


def test_weights_of_the_other_network_are_refused_by_name(tmp_path):
    path = tmp_path / "livos.pth"
    torch.save(tiny("livos").official_state_dict(), path)
    with pytest.raises(WeightsError, match="weights of LiVOS do not fit Cutie small"):
        load_official(path, tiny("cutie"))


@pytest.mark.parametrize("name", NAMES)
def test_parts_hold_every_parameter_and_the_trunk_is_the_image_encoder(name):
    net = tiny(name)
    prefixes = [prefix for part in net.parts().values() for prefix in part]
    for parameter, _ in net.named_parameters():
        assert sum(parameter.startswith(f"{prefix}.") for prefix in prefixes) == 1, parameter
    assert net.layer_of("pixel_encoder.conv1.weight").in_image_encoder
    assert not net.layer_of("mask_encoder.conv1.weight").in_image_encoder


def test_presets_are_the_published_settings():
    plus = Cutie("small", preset="mose_plus")
    assert (plus.memory.mem_every, plus.memory.max_mem_frames) == (3, 10)
    assert plus.frame_size.network_size((1080, 1920)) == (720, 1280)
    usual = Cutie("small")
    assert (usual.memory.mem_every, usual.memory.max_mem_frames, usual.memory.top_k) == (5, 5, 30)
    assert usual.memory.long_term is None
    assert usual.frame_size.network_size((240, 432)) == (240, 432)  # never enlarged
    assert Cutie("small", preset="long_video").memory.long_term is not None
    assert tiny("livos", frame_size=None).frame_size.network_size((240, 432)) == (480, 864)


def test_padding_is_black_before_normalisation():
    """What is padded depends on the frame's edge only through its colour, black."""
    net = tiny("cutie")
    framing = net.start()._framing_of(frames(1, size_hw=(50, 64))[0])
    image = framing.image(torch.zeros(3, 50, 64, dtype=torch.uint8))
    assert image.shape == (1, 3, 64, 64)
    assert image.flatten(2).std(dim=2).max() == 0
