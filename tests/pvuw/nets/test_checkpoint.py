"""Loading weights: strictly, from every layout we read, with one clear line when it fails."""

import pathlib

import pytest
import torch

from pvuw.errors import WeightsError
from pvuw.nets.checkpoint import load_official, read_checkpoint
from pvuw.nets.sam2 import Sam2
from pvuw.nets.sam2.build import build_sam2_base


@pytest.fixture(scope="module")
def source():
    torch.manual_seed(7)
    return Sam2(image_size=64)


def weights_of(net):
    return {name: weight.clone() for name, weight in net.official_state_dict().items()}


def save_official(path, weights):
    torch.save({"model": weights}, path)
    return path


def save_training(path, net, *, compiled=False):
    inside = "net._orig_mod." if compiled else "net."
    state = {inside + name: weight for name, weight in net.state_dict().items()}
    state["loss.scale"] = torch.ones(1)
    torch.save({"state_dict": state, "epoch": 3, "global_step": 120, "callbacks": {}}, path)
    return path


def assert_loaded(path, source):
    net = Sam2(image_size=64, weights=path)
    for name, weight in source.official_state_dict().items():
        assert torch.equal(net.official_state_dict()[name], weight)


def test_official_names_are_upstreams(source):
    assert source.official_state_dict().keys() == build_sam2_base("nano").state_dict().keys()


def test_official_file(source, tmp_path):
    assert_loaded(save_official(tmp_path / "a.pt", weights_of(source)), source)


@pytest.mark.parametrize("compiled", [False, True])
def test_training_checkpoint(source, tmp_path, compiled):
    path = save_training(tmp_path / "a.ckpt", source, compiled=compiled)
    assert_loaded(path, source)
    checkpoint = read_checkpoint(path)
    assert (checkpoint.layout, checkpoint.epoch, checkpoint.step) == ("training", 3, 120)
    assert checkpoint.official_weights.keys() == source.official_state_dict().keys()


def test_half_precision_files_load(source, tmp_path):
    half = {name: weight.half() for name, weight in weights_of(source).items()}
    net = Sam2(image_size=64, weights=save_official(tmp_path / "a.pt", half))
    name = "mask_downsample.weight"
    assert net.official_state_dict()[name].dtype == torch.float32
    assert torch.equal(net.official_state_dict()[name], half[name].float())


# What does not fit. The network stays as it was.


def refused(path, net):
    before = weights_of(net)
    with pytest.raises(WeightsError) as caught:
        load_official(path, net)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    assert all(torch.equal(w, before[n]) for n, w in net.official_state_dict().items())
    return message


def test_missing_and_unexpected_weights_are_named(source, tmp_path):
    weights = weights_of(source)
    del weights["no_mem_embed"]
    weights |= {f"extra.{i}": torch.zeros(1) for i in range(5)}
    message = refused(save_official(tmp_path / "a.pt", weights), Sam2(image_size=64))
    assert "1 missing: no_mem_embed;" in message
    assert "5 unexpected: extra.0, extra.1, extra.2, ..." in message


def test_shapes_are_compared(source, tmp_path):
    weights = weights_of(source)
    weights["no_mem_embed"] = torch.zeros(1, 1, 5)
    message = refused(save_official(tmp_path / "a.pt", weights), Sam2(image_size=64))
    assert "(1 of another shape: no_mem_embed [1, 1, 5] instead of [1, 1, 64])" in message


def test_another_size_is_recognised(tmp_path):
    path = save_official(tmp_path / "a.pt", build_sam2_base("tiny").state_dict())
    message = refused(path, Sam2(image_size=64))
    assert "weights of SAM 2.1 tiny do not fit SAM 2.1 nano; build that network" in message


def test_another_release_is_recognised(tmp_path):
    path = save_official(tmp_path / "a.pt", build_sam2_base("tiny", version="2.0").state_dict())
    message = refused(path, Sam2("tiny", image_size=64))
    assert "weights of SAM 2.0 tiny do not fit SAM 2.1 tiny" in message
    assert "no_obj_embed_spatial" in message


def test_version_2_0_loads_into_2_0(tmp_path):
    path = save_official(tmp_path / "a.pt", build_sam2_base("tiny", version="2.0").state_dict())
    Sam2("tiny", image_size=64, version="2.0", weights=path)


# Damaged files.


def bad_file(tmp_path, source, kind):
    whole = save_official(tmp_path / "whole.pt", weights_of(source)).read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    contents = {
        "empty": b"",
        "cut": whole[:-100],
        "half": whole[: len(whole) // 2],
        "start": whole[:50],
        "flipped": bytes(flipped),
        "text": b"<!DOCTYPE html><html>not found</html>" * 30,
        "pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:aa\n",
    }
    path = tmp_path / f"{kind}.pt"
    path.write_bytes(contents[kind])
    return path


@pytest.mark.parametrize("kind", ["empty", "cut", "half", "start", "flipped", "text", "pointer"])
def test_damaged_files(source, tmp_path, kind):
    assert "again" in refused(bad_file(tmp_path, source, kind), Sam2(image_size=64))


def test_files_that_carry_code_are_refused(source, tmp_path):
    torch.save({"model": weights_of(source), "args": pathlib.Path("x")}, tmp_path / "a.pt")
    assert "code" in refused(tmp_path / "a.pt", Sam2(image_size=64))


def test_zip_files_that_are_no_weights(tmp_path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "a.pt", "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert "torch.save" in refused(tmp_path / "a.pt", Sam2(image_size=64))


@pytest.mark.parametrize("content", [[1, 2], {"weights": {}}, {"model": {}}, {"state_dict": {}}])
def test_unknown_layouts(tmp_path, content):
    torch.save(content, tmp_path / "a.pt")
    assert "neither official weights" in refused(tmp_path / "a.pt", Sam2(image_size=64))


def test_no_such_file(tmp_path):
    assert "no such file" in refused(tmp_path / "missing.pt", Sam2(image_size=64))
    assert "no such file" in refused(tmp_path, Sam2(image_size=64))
