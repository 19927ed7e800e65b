"""Activation checkpointing: same values, same gradients, less kept, no trace left."""

import copy

import pytest
import torch
from sam2.modeling.sam2_utils import DropPath

from pvuw.losses import VOSLoss
from pvuw.nets.sam2.clip_forward import ForwardConfig, forward_clip
from pvuw.nets.sam2.recompute import RECOMPUTED_PARTS, recompute_activations
from tests.helpers.sam2_training import CASES, CLICK_CASES, Case, build, make_batch


def loss_of(model, case, *, recompute):
    batch = make_batch(case.num_frames)
    torch.manual_seed(1)
    output = forward_clip(model, batch, config=ForwardConfig(case.plan(), recompute=recompute))
    return VOSLoss()(output, batch).total


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("dropout", RECOMPUTED_PARTS),
        ("clicks with dropout", RECOMPUTED_PARTS),
        ("seven corrections", RECOMPUTED_PARTS),
        ("dropout", ("memory_encoder", "image_encoder")),
    ],
)
def test_same_loss_and_gradients_bit_for_bit(name, parts):
    case = {**CASES, **CLICK_CASES}[name]
    results = []
    for recompute in ((), parts):
        model = build(case)
        for block in model.image_encoder.trunk.blocks:
            block.drop_path = DropPath(0.3)
        total = loss_of(model, case, recompute=recompute)
        torch.rand(5)  # whatever else draws before backward
        total.backward()
        parts = [total, *(p.grad for p in model.parameters() if p.grad is not None)]
        results.append([*parts, torch.rand(1)])  # the generator goes on from the same state
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


def kept_bytes(run):
    """Bytes of the tensors that autograd holds on to between forward and backward."""
    kept = {}

    def note(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        result = run()
    assert result.requires_grad
    return sum(kept.values())


@pytest.mark.parametrize("case", [Case(), CLICK_CASES["seven corrections"]])
def test_less_than_half_is_kept_until_backward(case):
    kept = [
        kept_bytes(lambda recompute=recompute: loss_of(build(case), case, recompute=recompute))
        for recompute in ((), RECOMPUTED_PARTS)
    ]
    assert kept[1] < kept[0] / 2


@pytest.mark.parametrize("part", RECOMPUTED_PARTS)
def test_every_part_keeps_less(part):
    case = CLICK_CASES["seven corrections"]
    kept = [
        kept_bytes(lambda parts=parts: loss_of(build(case), case, recompute=parts))
        for parts in ((), (part,))
    ]
    assert kept[1] < kept[0]


def test_modules_are_as_before_afterwards():
    model = build(Case())
    with pytest.raises(AttributeError), recompute_activations(model, RECOMPUTED_PARTS):
        vars(model.memory_encoder)["forward"].is_patched  # noqa: B018
    assert not any("forward" in vars(module) for module in model.modules())
    copy.deepcopy(model)


def test_a_forward_of_somebody_elses_comes_back():
    model = build(Case())
    model.memory_encoder.forward = somebody = model.memory_encoder.forward
    with recompute_activations(model, RECOMPUTED_PARTS):
        assert model.memory_encoder.forward is not somebody
    assert vars(model.memory_encoder)["forward"] is somebody
