"""Training forward and loss against upstream's `training` package: bit for bit, gradients included.

The package's dependencies are an extra (`pip install pvuw-vos[reference]`). Without them the frozen
values of tests/data/sam2_training are compared instead; `python -m tests.data.sam2_training.make`
writes them anew.
"""

import json
from dataclasses import replace

import pytest
import torch

from pvuw.losses import VOSLoss
from pvuw.nets.sam2.clip_forward import ForwardConfig, forward_clip
from tests.helpers.noise import SUMMATION
from tests.helpers.sam2_training import (
    CASES,
    CLICK_CASES,
    FROZEN_CASES,
    GOLDEN,
    SEED,
    Replay,
    build,
    make_batch,
    run_reference,
)

PARTS = ("total", "ce", "dice", "iou", "presence")
NORMS = 6e-4
"""Of the largest gradient's norm: ten floors, as 1e-7 of noise on the weights moves it by 5.6e-5 at
most; the loss moves by 1.2e-6 of itself."""


def run_ours(case, model=None, **options):
    """Our loss terms and gradients of a case."""
    model, batch = model or build(case), make_batch(case.num_frames)
    torch.manual_seed(SEED)
    output = forward_clip(model, batch, config=ForwardConfig(case.plan(), **options))
    terms = VOSLoss()(output, batch)
    terms.total.backward()
    return output, terms, {n: p.grad for n, p in model.named_parameters()}


def assert_equal(parts, gradients, expected, expected_gradients):
    for part in PARTS:
        assert torch.equal(parts[part], expected[part]), part
    assert gradients.keys() == expected_gradients.keys()
    for parameter, gradient in expected_gradients.items():
        if gradient is None:
            assert gradients[parameter] is None, parameter
        else:
            assert torch.equal(gradients[parameter], gradient), parameter


@pytest.mark.parametrize("name", CASES)
def test_masks_bit_equal_to_the_reference(name):
    pytest.importorskip("training.loss_fns", reason="needs the `reference` extra")
    expected, expected_gradients = run_reference(CASES[name])
    _, terms, gradients = run_ours(CASES[name])
    assert_equal(terms._asdict(), gradients, expected, expected_gradients)


@pytest.mark.parametrize("name", CLICK_CASES)
def test_clicks_and_boxes_equal_to_the_reference(name):
    pytest.importorskip("training.loss_fns", reason="needs the `reference` extra")
    replay = Replay()
    expected, expected_gradients = run_reference(CLICK_CASES[name], replay)
    clicks = len(replay.clicked)
    _, terms, gradients = run_ours(CLICK_CASES[name], choose=replay)
    assert not replay.clicked, f"upstream made {clicks} clicks"
    assert_equal(terms._asdict(), gradients, expected, expected_gradients)


def assert_frozen(name, terms, gradients):
    frozen = json.loads(GOLDEN.read_text())[name]
    for part in PARTS:
        assert getattr(terms, part).item() == pytest.approx(frozen["loss"][part], rel=SUMMATION)
    norms = [g.norm().item() for _, g in sorted(gradients.items()) if g is not None]
    assert norms == pytest.approx(frozen["gradient_norms"], abs=NORMS * max(norms))


@pytest.mark.golden
@pytest.mark.parametrize("name", FROZEN_CASES)
def test_equal_to_frozen_values_of_the_reference(name):
    clicked = iter(json.loads(GOLDEN.read_text())[name].get("clicked", []))
    case = {**CASES, **CLICK_CASES}[name]
    _, terms, gradients = run_ours(case, choose=lambda allowed: torch.tensor(next(clicked)))
    assert_frozen(name, terms, gradients)
    assert not list(clicked)


def test_the_cases_are_what_they_are_called():
    output, terms, _ = run_ours(CASES["one given frame"])
    assert terms.absent_wrongly == 0
    presence = torch.stack([steps[0].presence_logits for steps in output.decodings[1:]])
    assert presence.std() > 1e-3  # the networks see objects and frames differently
    output, terms, _ = run_ours(CASES["objects called absent"])
    assert 0 < terms.absent_wrongly < 1
    assert (output.decodings[1][0].mask_logits == -1024).any()
    assert terms.ce > 1  # the spike that comes with it


def detach_memory(model):
    """Cut the gradient through time."""
    encode = model._encode_new_memory

    def detached(*args, **kwargs):
        features, positions = encode(*args, **kwargs)
        return features.detach(), positions

    model._encode_new_memory = detached


def blur_memory(model):
    """Write memory from quarter-size masks, as inference does on prompted frames."""
    encode = model._encode_new_memory

    def blurred(*args, pred_masks_high_res, **kwargs):
        small = torch.nn.functional.avg_pool2d(pred_masks_high_res, 4)
        size = pred_masks_high_res.shape[-2:]
        full = torch.nn.functional.interpolate(small, size, mode="bilinear")
        return encode(*args, pred_masks_high_res=full, **kwargs)

    model._encode_new_memory = blurred


def shorten_memory(model):
    model.num_maskmem = 6


@pytest.mark.parametrize("mutate", [detach_memory, blur_memory, shorten_memory])
def test_getting_memory_slightly_wrong_shows(mutate):
    """The comparison with frozen values would not pass by chance."""
    name = "more frames than memory holds"
    model = build(CASES[name])
    mutate(model)
    _, terms, gradients = run_ours(CASES[name], model)
    with pytest.raises(AssertionError):
        assert_frozen(name, terms, gradients)


def test_dropout_is_active():
    dropped = run_ours(CASES["dropout"])[1].total
    assert dropped != run_ours(replace(CASES["dropout"], dropout=0.0))[1].total
