"""Parameter groups, equal to upstream's for every size; the schedule; what a bad number says."""

import json
import math
import re

import pytest
import torch
from torch import nn

from lightning_modules.optim import OptimConfig, build_optimizer, parameter_groups
from pvuw.losses import VOSLoss
from pvuw.nets.copy_first import CopyFirst
from pvuw.nets.sam2 import Sam2
from pvuw.nets.sam2.build import OFFICIAL_SIZES
from tests.helpers.cli import parse
from tests.helpers.noise import DOUBLE_SUMMATION
from tests.helpers.sam2_optimizer import GOLDEN, fingerprint, reference_groups, reference_optimizer


def holder(net):
    """A network as a LightningModule holds it."""
    module = nn.Module()
    module.net, module.loss = net, VOSLoss()
    return module


def recipe_config(size):
    """What the shipped recipe of a size says about the optimizer."""
    config = parse("fit", "--config", f"mose/sam2_{size}.yaml", "--data.root", "somewhere")
    return OptimConfig(**config.model.init_args.optim.as_dict())


def our_groups(net, config):
    """Our groups as `(rate, decay, official parameter names)`."""
    return [
        (group.lr, group.weight_decay, [n.removeprefix("net.model.") for n in group.parameters])
        for group in parameter_groups(holder(net), net, config)
    ]


def by_parameter(groups):
    return {name: (rate, decay) for rate, decay, names in groups for name in names}


@pytest.mark.golden
@pytest.mark.parametrize("size", OFFICIAL_SIZES)
def test_groups_of_the_recipes_are_the_frozen_ones_of_the_reference(size):
    groups = our_groups(Sam2(size), recipe_config(size))
    assert fingerprint(groups) == json.loads(GOLDEN.read_text())[size]
    assert len(groups) == {"tiny": 31, "small": 39, "base_plus": 55, "large": 103}[size]


@pytest.mark.parametrize("size", OFFICIAL_SIZES)
def test_each_parameter_has_the_rate_and_decay_of_the_reference(size):
    pytest.importorskip("training.optimizer", reason="needs the `reference` extra")
    pytest.importorskip("fvcore", reason="needs the `reference` extra")
    net = Sam2(size)
    ours, theirs = our_groups(net, recipe_config(size)), reference_groups(net.model)
    assert len(ours) == len(theirs)
    expected = by_parameter(theirs)
    found = by_parameter(ours)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert found[name] == pytest.approx(values, rel=DOUBLE_SUMMATION), name


@pytest.mark.parametrize(
    "change",
    [{"layer_decay": 0.91}, {"image_encoder_lr": None}, {"no_decay": "vectors"}, {"lr": 4e-6}],
)
def test_another_number_shows(change):
    config = OptimConfig(**(vars(recipe_config("tiny")) | change))
    assert fingerprint(our_groups(Sam2("tiny"), config)) != json.loads(GOLDEN.read_text())["tiny"]


def test_rates_follow_the_reference_over_the_whole_run():
    pytest.importorskip("training.optimizer", reason="needs the `reference` extra")
    pytest.importorskip("fvcore", reason="needs the `reference` extra")
    net, steps = Sam2("tiny", image_size=64), 40
    module = holder(net)
    optimizer, schedule = build_optimizer(
        module, net, recipe_config("tiny"), total_steps=lambda: steps
    )
    reference = reference_optimizer(net.model)
    for step in range(steps):
        reference.step_schedulers(step / steps, step)
        expected = {id(p): g["lr"] for g in reference.optimizer.param_groups for p in g["params"]}
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                assert group["lr"] == pytest.approx(expected[id(parameter)], rel=DOUBLE_SUMMATION)
        optimizer.step()
        schedule.step()


def test_one_rate_makes_two_groups():
    net = Sam2(image_size=64)
    decayed, kept = parameter_groups(holder(net), net, OptimConfig(lr=1e-3, weight_decay=0.01))
    assert (decayed.name, decayed.weight_decay) == ("rest", 0.01)
    assert (kept.name, kept.weight_decay) == ("rest.no_decay", 0.0)
    assert all(p.ndim >= 2 for p in decayed.parameters.values())
    assert all(p.ndim < 2 for p in kept.parameters.values())
    together = {*decayed.parameters, *kept.parameters}
    assert together == {name for name, _ in holder(net).named_parameters()}


def test_frozen_parameters_are_in_no_group():
    net = Sam2(image_size=64)
    net.model.image_encoder.requires_grad_(False)
    config = OptimConfig(image_encoder_lr=1e-4, layer_decay=0.5)
    assert [group.name for group in parameter_groups(holder(net), net, config)] == [
        "rest",
        "rest.no_decay",
    ]


def test_parameters_of_the_loss_learn_at_the_full_rate():
    net = Sam2(image_size=64)
    module = holder(net)
    module.loss.scale = nn.Parameter(torch.ones(()))
    groups = parameter_groups(module, net, OptimConfig(image_encoder_lr=1e-7))
    rates = {name: group.lr for group in groups for name in group.parameters}
    assert rates["loss.scale"] == OptimConfig().lr


def test_a_net_without_layers_of_its_own_has_a_slower_encoder():
    class TwoParts(CopyFirst):
        def __init__(self):
            super().__init__()
            self.image_encoder, self.head = nn.Linear(2, 2), nn.Linear(2, 2)

    net = TwoParts()
    groups = parameter_groups(holder(net), net, OptimConfig(lr=1.0, image_encoder_lr=0.1))
    rates = {name: group.lr for group in groups for name in group.parameters}
    assert rates == {
        "net.image_encoder.weight": 0.1,
        "net.image_encoder.bias": 0.1,
        "net.head.weight": 1.0,
        "net.head.bias": 1.0,
    }


def test_warm_up_then_cosine_scales_every_group():
    net = Sam2(image_size=64)
    config = OptimConfig(lr=1.0, image_encoder_lr=0.1, warmup_steps=4, final_lr_ratio=0.2)
    optimizer, schedule = build_optimizer(holder(net), net, config, total_steps=lambda: 12)
    factors = []
    for _ in range(13):
        rates = sorted({group["lr"] for group in optimizer.param_groups})
        base = rates[-1]
        assert rates == pytest.approx([0.1 * base, base])
        factors.append(base)
        optimizer.step()
        schedule.step()
    assert factors[:5] == pytest.approx([0.25, 0.5, 0.75, 1, 1])
    assert factors[8] == pytest.approx(0.2 + 0.8 * 0.5 * (1 + math.cos(math.pi / 2)))
    assert factors[12] == pytest.approx(0.2)


@pytest.mark.parametrize(
    "numbers",
    [
        {"lr": 0.0},
        {"image_encoder_lr": -1.0},
        {"layer_decay": 0.0},
        {"layer_decay": 1.1},
        {"final_lr_ratio": 2.0},
        {"drops": (0.8, 1.0)},
    ],
)
def test_a_bad_number_is_named(numbers):
    (name, value) = next(iter(numbers.items()))
    with pytest.raises(ValueError, match=rf"optim\.{name} .* got {re.escape(str(value))}"):
        OptimConfig(**numbers)
