"""Freezing, adapters and compiling together, as a recipe asks for them."""

import pytest
import torch

from pvuw.errors import PvuwError
from pvuw.nets.copy_first import CopyFirst
from pvuw.nets.lora import LoraConfig
from pvuw.nets.sam2 import Sam2
from pvuw.nets.tuning import TuningConfig, prepare


def kinds(net):
    """Whether adapters, and whether other parameters, are trained."""
    trained = [name for name, p in net.named_parameters() if p.requires_grad]
    return {"adapter" if ".lora_" in name else name.split(".")[1] for name in trained}


def test_the_default_changes_nothing():
    net = Sam2(image_size=32)
    prepare(net, TuningConfig())
    assert all(p.requires_grad for p in net.parameters())
    assert all(m.training for m in net.modules())
    prepare(CopyFirst(), TuningConfig())


def test_adapters_alone_or_beside_what_the_policy_leaves():
    pytest.importorskip("peft", reason="needs the `lora` extra")
    net = Sam2(image_size=32)
    prepare(net, TuningConfig(lora=LoraConfig()))
    assert kinds(net) == {"adapter"}
    net = Sam2(image_size=32)
    prepare(net, TuningConfig(lora=LoraConfig(), freeze="all but mask_decoder"))
    assert kinds(net) == {"adapter", "sam_mask_decoder"}


def test_nothing_left_to_train_is_an_error():
    with pytest.raises(PvuwError, match="'all' leaves nothing to train"):
        prepare(Sam2(image_size=32), TuningConfig(freeze="all"))


def test_only_modules_can_be_compiled():
    with pytest.raises(PvuwError, match=r"model\.maskmem_tpos_enc, .* are no modules"):
        prepare(Sam2(image_size=32), TuningConfig(compile="memory"))


@pytest.mark.slow
def test_a_compiled_block_gives_the_same_output_and_gradient():
    """One block, traced but not translated: the whole encoder takes a compiler minutes."""
    net = Sam2(image_size=32)
    names = list(net.state_dict())
    block = net.model.image_encoder.trunk.blocks[0]
    cells = torch.randn(2, 8, 8, 16, generator=torch.Generator().manual_seed(0))

    def run():
        net.zero_grad()
        output = block(cells)
        output.square().sum().backward()
        return output.detach(), block.attn.qkv.weight.grad.clone()

    eager = run()
    torch.compiler.reset()
    name = "model.image_encoder.trunk.blocks.0"
    prepare(net, TuningConfig(compile=name, compile_backend="eager"))
    graphs = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    torch.testing.assert_close(run(), eager)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > graphs
    assert list(net.state_dict()) == names
