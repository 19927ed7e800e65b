"""Adapters: where they sit, that they begin at nothing, and what merging gives."""

import builtins
import copy

import pytest
import torch

from pvuw.errors import PvuwError
from pvuw.nets.freeze import freeze
from pvuw.nets.lora import LoraConfig, add_adapters, has_adapters, merge_adapters
from pvuw.nets.sam2 import Sam2
from tests.helpers.noise import assert_within, tolerance_of

pytest.importorskip("peft", reason="needs the `lora` extra")


@pytest.fixture
def net():
    net = Sam2(image_size=32)
    freeze(net, "all")
    return net


@torch.no_grad()
def train_a_little(net):
    """Adapters that change what the network says."""
    for name, parameter in net.named_parameters():
        if "lora_" in name:
            parameter.normal_(std=0.1)


def features(net):
    images = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    return net.eval().model.image_encoder(images)["vision_features"]


def test_only_adapters_of_the_named_parts_train(net):
    add_adapters(net, LoraConfig())
    trained = [n for n, p in net.named_parameters() if p.requires_grad]
    assert all(".lora_A." in name or ".lora_B." in name for name in trained)
    assert {name.split(".")[1] for name in trained} == {"image_encoder", "memory_attention"}
    linears = {n.split(".lora_")[0].split(".")[-1] for n in trained}
    assert {"qkv", "proj", "q_proj", "out_proj", "linear1", "linear2"} <= linears


CHANGED = 1e-3
"""Far above rounding: features are about 1."""


def test_new_adapters_change_nothing(net):
    before = features(net)
    add_adapters(net, LoraConfig())
    assert torch.equal(features(net), before)
    train_a_little(net)
    assert not torch.allclose(features(net), before, atol=CHANGED)


def test_merged_weights_compute_the_same(net):
    add_adapters(net, LoraConfig(rank=4, alpha=10))
    train_a_little(net)
    plain = Sam2(image_size=32)
    plain.load_state_dict(merge_adapters(net.state_dict(), 2.5))
    assert_within(
        features(plain), features(net), tolerance_of(net, lambda moved: [features(moved)])
    )


def test_merging_is_what_peft_does_and_the_same_every_time(net):
    add_adapters(net, LoraConfig(rank=4, alpha=10))
    train_a_little(net)
    merged = merge_adapters(net.state_dict(), 2.5)
    again = merge_adapters(copy.deepcopy(net.state_dict()), 2.5)
    layers = [name for name, module in net.named_modules() if hasattr(module, "lora_A")]
    assert len(layers) > 20
    for layer in layers:
        module = net.get_submodule(layer)
        module.merge()
        assert torch.equal(merged[f"{layer}.weight"], module.base_layer.weight), layer
        assert torch.equal(merged[f"{layer}.weight"], again[f"{layer}.weight"]), layer


def test_what_was_trained_stays_trained_without_adapters(net):
    net.model.sam_mask_decoder.requires_grad_(True)
    net.model.memory_attention.layers[0].requires_grad_(True)
    add_adapters(net, LoraConfig())
    assert all(p.requires_grad for p in net.model.sam_mask_decoder.parameters())
    adapted = {name for name, m in net.named_modules() if hasattr(m, "lora_A")}
    assert not any("memory_attention.layers.0" in name for name in adapted)
    assert any("memory_attention.layers.1" in name for name in adapted)


def test_parts_with_adapters_keep_their_dropout(net):
    add_adapters(net, LoraConfig())
    net.train()
    layer = net.model.memory_attention.layers[0]
    assert layer.dropout1.training
    assert not net.model.sam_mask_decoder.training


def test_nothing_to_adapt_is_an_error(net):
    with pytest.raises(PvuwError, match="'prompt_encoder' has no frozen linear layer"):
        add_adapters(net, LoraConfig(parts="prompt_encoder"))
    with pytest.raises(PvuwError, match="'encoder' is no part"):
        add_adapters(net, LoraConfig(parts="encoder"))


def test_without_peft_the_error_says_what_to_install(net, monkeypatch):
    import_module = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name == "peft":
            raise ModuleNotFoundError(name="peft")
        return import_module(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(PvuwError, match=r"needs peft.*pip install 'pvuw-vos\[lora\]'"):
        add_adapters(net, LoraConfig())


def test_an_incomplete_set_is_not_merged(net):
    add_adapters(net, LoraConfig())
    weights = net.state_dict()
    assert has_adapters(weights)
    lost = next(name for name in weights if ".lora_B." in name)
    del weights[lost]
    with pytest.raises(KeyError):
        merge_adapters(weights, 1.0)


@pytest.mark.parametrize(("name", "value"), [("rank", 0), ("dropout", 1.0)])
def test_a_bad_number_is_named(name, value):
    with pytest.raises(ValueError, match=rf"lora\.{name} .* got {value}"):
        LoraConfig(**{name: value})
