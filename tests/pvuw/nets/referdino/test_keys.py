"""Names of ReferDINO's weights against the release's whole key list, both ways."""

import dataclasses

import pytest
import torch
from torch import nn

from pvuw.errors import WeightsError
from pvuw.nets.identify import identify
from pvuw.nets.referdino import ReferDino
from pvuw.nets.referdino.config import SIZES
from pvuw.nets.referdino.keys import from_release, is_release, merged, to_release, window_index
from pvuw.nets.referdino.network import ReferDinoModel
from pvuw.weights import export_official, summarize
from tests.helpers.noise import SUMMATION
from tests.pvuw.nets.referdino import golden
from tests.pvuw.nets.referdino.golden import needs_golden


@pytest.fixture(scope="module")
def tiny():
    torch.manual_seed(0)
    return ReferDino("nano").eval()


def released(net, rank=32):
    return to_release(net.model.state_dict(), rank)


@needs_golden
@pytest.mark.golden
def test_the_published_key_list_loads_strictly(tmp_path):
    names = {name: shape for name, shape, *_ in golden.key_list()}
    file = tmp_path / "mevis_swint.pth"
    tables = {name: window_index(7) for name in names if name.endswith("_index")}
    whole = golden.weights() | tables
    assert whole.keys() == names.keys()
    torch.save({"epoch": 3, "model_state_dict": whole}, file)
    net = ReferDino(golden.config(), weights=file)
    assert all(torch.equal(w, net.model.state_dict()[n]) for n, w in from_release(whole).items())
    export_official(file, tmp_path / "again.pth")
    back = to_release(net.model.state_dict(), golden.config().lora_rank)
    assert {n: list(w.shape) for n, w in back.items()} == names, "the release's names, all of them"
    again = from_release(back)
    assert all(torch.equal(again[n], w) for n, w in net.model.state_dict().items())


def test_an_exported_file_is_the_network(tiny, tmp_path):
    torch.save(tiny.official_state_dict(), tmp_path / "ours.pt")
    export_official(tmp_path / "ours.pt", tmp_path / "theirs.pth")
    content = torch.load(tmp_path / "theirs.pth", weights_only=True)
    assert list(content) == ["model_state_dict"]
    assert is_release(content["model_state_dict"])
    assert summarize(tmp_path / "theirs.pth").network == "ReferDINO nano"
    assert identify(tiny.official_state_dict()) == "ReferDINO nano"
    other = ReferDino("nano", weights=tmp_path / "theirs.pth")
    for name, weight in tiny.state_dict().items():
        assert torch.equal(weight, other.state_dict()[name]), name


def test_swins_table_is_that_of_transformers(tiny):
    blocks = tiny.model.backbone.swin.swin.encoder.layers[0].blocks
    table = blocks[0].attention.relative_position_bias.relative_position_index
    assert torch.equal(window_index(4).flatten(), table)


def test_merged_adapters_compute_the_same():
    torch.manual_seed(1)
    layer, rank = nn.Linear(48, 32), 8
    a, b, features = torch.randn(rank, 48), torch.randn(32, rank), torch.randn(5, 48)
    apart = layer(features) + features @ a.T @ b.T / rank
    layer.weight.data = merged({"l.weight": layer.weight.data, "l.lora_A": a, "l.lora_B": b})[
        "l.weight"
    ]
    assert (layer(features) - apart).abs().max() < SUMMATION * apart.abs().max()


def test_what_does_not_fit_is_told_in_one_line(tiny, tmp_path):
    weights = released(tiny)

    def refused(changed):
        file = tmp_path / "file.pth"
        torch.save({"model_state_dict": changed}, file)
        with pytest.raises(WeightsError) as error:
            ReferDino("nano", weights=file)
        assert "\n" not in str(error.value)
        return str(error.value)

    missing = {n: w for n, w in weights.items() if n != "feat_map.bias"}
    assert "1 missing: feat_map.bias" in refused(missing)
    assert "1 unexpected: classifier.bias" in refused(weights | {"classifier.bias": torch.ones(1)})
    copy = {"temporal_decoder.1.norm.0.bias": weights["temporal_decoder.1.norm.0.bias"] + 1}
    assert "temporal_decoder.1.norm.0.bias: differs from another copy" in refused(weights | copy)
    half = {n: w for n, w in weights.items() if n != "ref_point_head.layers.0.lora_B"}
    assert "ref_point_head.layers.0.lora_B: missing beside the rest" in refused(half)
    wide = dataclasses.replace(SIZES["nano"].swin, width=128)
    torch.manual_seed(0)
    other = ReferDinoModel(dataclasses.replace(SIZES["nano"], swin=wide))
    told = refused(to_release(other.state_dict()))
    assert "weights of ReferDINO Swin-B do not fit ReferDINO nano; build that network" in told
