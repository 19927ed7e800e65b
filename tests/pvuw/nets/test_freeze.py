"""Freeze policies: what takes no gradient, and that it stays silent whatever mode is set."""

import pytest
import torch

from pvuw.errors import PvuwError
from pvuw.nets.copy_first import CopyFirst
from pvuw.nets.freeze import freeze, frozen_names
from pvuw.nets.sam2 import Sam2


@pytest.fixture
def net():
    return Sam2(image_size=32)


def trained(net):
    """Children of SAM 2 that hold a trained parameter."""
    names = [n.removeprefix("model.") for n, p in net.named_parameters() if p.requires_grad]
    return {name.split(".")[0] for name in names}


MEMORY = {
    "memory_attention", "memory_encoder", "mask_downsample", "obj_ptr_proj", "obj_ptr_tpos_proj",
    "maskmem_tpos_enc", "no_mem_embed", "no_mem_pos_enc", "no_obj_ptr", "no_obj_embed_spatial",
}  # fmt: skip
OTHERS = {"image_encoder", "sam_prompt_encoder", "sam_mask_decoder"}


@pytest.mark.parametrize(
    ("policy", "left"),
    [
        ("image_encoder", MEMORY | OTHERS - {"image_encoder"}),
        ("image_encoder, prompt_encoder", MEMORY | {"sam_mask_decoder"}),
        ("all but memory", MEMORY),
        ("all but mask_decoder,memory_encoder", {"sam_mask_decoder", "memory_encoder"}),
        ("all but model.no_obj_ptr", {"no_obj_ptr"}),
        ("all", set()),
    ],
)
def test_policy(net, policy, left):
    freeze(net, policy)
    assert trained(net) == left


def test_a_module_by_its_name(net):
    names = frozen_names(net, "model.image_encoder.trunk.blocks.1")
    assert names
    assert all(name.startswith("model.image_encoder.trunk.blocks.1.") for name in names)


def test_an_unknown_part_is_named(net):
    with pytest.raises(PvuwError, match=r"'encoder' is no part of Sam2; it has image_encoder, "):
        freeze(net, "all but encoder")
    with pytest.raises(PvuwError, match="'' is no part"):
        freeze(net, "image_encoder,")
    assert all(parameter.requires_grad for parameter in net.parameters())


def test_parts_are_children_unless_a_net_says_otherwise():
    class TwoParts(CopyFirst):
        def __init__(self):
            super().__init__()
            self.image_encoder, self.head = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)

    net = TwoParts()
    freeze(net, "all but head")
    assert [n for n, p in net.named_parameters() if p.requires_grad] == ["head.weight", "head.bias"]


def test_frozen_modules_stay_in_eval_mode(net):
    freeze(net, "all but memory")
    torch.nn.Module.train(net.eval(), True)  # what a policy without memory of its own would do
    assert net.model.image_encoder.training
    net.eval()
    net.train()
    assert not any(m.training for m in net.model.image_encoder.modules())
    assert not any(m.training for m in net.model.sam_mask_decoder.modules())
    assert all(m.training for m in net.model.memory_attention.layers[0].modules())
    assert net.training
    assert net.model.training


def test_a_frozen_encoder_drops_no_paths(net):
    """And a training one does: the same images twice give other features."""
    images = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))

    def changes():
        first, second = (net.model.image_encoder(images)["vision_features"] for _ in range(2))
        return not torch.equal(first, second)

    for block in net.model.image_encoder.trunk.blocks:
        block.attn.register_forward_hook(
            lambda module, _, out: torch.nn.functional.dropout(out, 0.5, module.training)
        )
    net.train()
    assert changes()
    freeze(net, "image_encoder")
    assert not changes()
    net.train()
    assert not changes()


def test_freezing_in_eval_mode_leaves_it(net):
    freeze(net.eval(), "image_encoder")
    assert not any(module.training for module in net.modules())
