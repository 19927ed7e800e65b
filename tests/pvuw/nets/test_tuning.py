"""Freezing, adapters and compiling together, as a recipe asks for them."""

import pytest
import torch

from pvuw.errors import PvuwError
from pvuw.nets.copy_first import CopyFirst
from pvuw.nets.lora import LoraConfig
from pvuw.nets.sam2 import Sam2
from pvuw.nets.tuning import TuningConfig, prepare
from pvuw.types import MaskPrompt
from tests.helpers.sam2_training import make_batch


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


def step(net, batch):
    """Loss-like number and a gradient of one training step."""
    net.zero_grad()
    output = net.forward_clip(batch)
    total = sum(step.mask_logits.mean() for frame in output.decodings for step in frame)
    total.backward()
    weight = net.model.image_encoder.trunk.blocks[0].attn.qkv.weight
    return total.detach(), weight.grad.clone()


@pytest.mark.slow
def test_compiled_encoder_that_recomputes_is_translated_once_and_equal():
    """Traced, not translated: with a new function in every step torch would trace every step."""
    net = Sam2(image_size=64, checkpoint_activations=["image_encoder"]).train()
    batch = make_batch(2, counts=(1,), size=64)
    eager = step(net, batch)
    torch.compiler.reset()
    stats = torch._dynamo.utils.counters["stats"]
    prepare(net, TuningConfig(compile="image_encoder", compile_backend="eager"))
    graphs = []
    for _ in range(4):
        torch.testing.assert_close(step(net, batch), eager)
        graphs.append(stats["unique_graphs"])
    assert graphs[1] == graphs[3] > 0  # the second step finds position encodings in their cache


def test_prediction_runs_no_compiled_graph():
    """What docs/training.md says of torch.compile; a change here has to be said there."""
    net = Sam2(image_size=64)
    ran = []

    def counting(graph, inputs):
        ran.append(graph)
        return graph

    prepare(net, TuningConfig(compile="image_encoder", compile_backend=counting))
    session = net.eval().start()
    frame = torch.zeros(3, 64, 64, dtype=torch.uint8)
    session.step(frame, MaskPrompt([1], torch.ones(1, 64, 64, dtype=torch.bool)))
    session.step(frame)
    assert not ran
