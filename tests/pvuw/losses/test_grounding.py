"""ReferDINO's objective against its own criterion and matcher, gradients included."""

import json
from pathlib import Path

import pytest
import torch

from pvuw.losses.grounding import (
    GroundingLoss,
    Weights,
    best_objects,
    boxes_around,
    generalised_iou,
    what_is_meant,
)
from pvuw.types import Detected, DetectionClip, VideoBatch
from tests.helpers.noise import DEEP, SUMMATION
from tests.pvuw.losses.grounding_inputs import HEIGHT, QUERIES, SAMPLE, WIDTH, drawn

FROZEN = json.loads(
    (Path(__file__).parents[2] / "data" / "golden" / "referdino_criterion.json").read_text()
)
UPSTREAM = Weights(2, 1, 1, 5, 5, 2)


def batch_of(masks, void=None):
    """A clip for each sentence."""
    count = len(masks)
    return VideoBatch(
        torch.zeros(count, masks.shape[1], 3, *masks.shape[-2:], dtype=torch.uint8),
        torch.as_tensor(masks)[:, :, None],
        [1] * count,
        [[1]] * count,
        ["clip"] * count,
        torch.arange(masks.shape[1]).expand(count, -1),
        void=void,
        sentences=[["what"]] * count,
    )


@pytest.fixture
def layers():
    """Upstream's inputs as layers, with gradients."""
    _, arrays, anchors = drawn()
    found = {}
    for name, parts in arrays.items():
        tensors = [
            torch.from_numpy(parts[k]).requires_grad_() for k in ("logits", "boxes", "masks")
        ]
        found[name] = Detected(*tensors, torch.from_numpy(anchors) if name == "begin" else None)
    return found


@pytest.fixture
def batch():
    return batch_of(drawn()[0])


def test_objects_are_chosen_as_upstream_chooses(layers, batch):
    meant = what_is_meant(batch, (HEIGHT // 4, WIDTH // 4))
    chosen = {name: best_objects(one, meant, UPSTREAM).tolist() for name, one in layers.items()}
    assert chosen == FROZEN["chosen"]
    assert len({tuple(row) for row in chosen.values()}) == 3


@pytest.mark.parametrize("name", QUERIES)
def test_terms_are_upstreams(name, layers, batch):
    found = GroundingLoss()(DetectionClip([layers[name]]), batch).last
    for term, value in FROZEN["terms"][name].items():
        assert found[term].item() == pytest.approx(value, rel=SUMMATION), term


def test_the_sum_and_its_gradients_are_upstreams(layers, batch):
    terms = GroundingLoss()(DetectionClip(list(layers.values())), batch)
    assert terms.total.item() == pytest.approx(FROZEN["total"], rel=SUMMATION)
    terms.total.backward()
    for name, layer in layers.items():
        for part, tensor in (
            ("logits", layer.score_logits), ("boxes", layer.boxes), ("masks", layer.mask_logits),
        ):  # fmt: skip
            wanted = FROZEN["gradients"][name][part]
            every = 40 * SAMPLE if part == "masks" else SAMPLE
            assert tensor.grad.norm().item() == pytest.approx(wanted["size"], rel=SUMMATION)
            sample = torch.tensor(wanted["sample"])
            far = (tensor.grad.flatten()[::every] - sample).abs().max()
            assert far < SUMMATION * tensor.grad.abs().max(), (name, part)


@pytest.mark.parametrize("term", ["score", "box", "giou", "mask", "dice", "projection"])
def test_each_term_has_its_weight(term, layers, batch):
    clip = DetectionClip([layers["last"]])
    plain, heavy = GroundingLoss(), GroundingLoss(**{f"{term}_weight": 0.0})
    one, other = plain(clip, batch), heavy(clip, batch)
    place = Weights._fields.index(term)
    if [*FROZEN["chosen"]["last"]] == best_objects(
        layers["last"], what_is_meant(batch, (16, 24)), heavy.weights
    ).tolist():
        lost = UPSTREAM[place] * one.last[term].item()
        assert other.total.item() == pytest.approx(one.total.item() - lost, rel=SUMMATION)
    else:
        assert other.total < one.total


def test_nothing_visible_at_all_is_a_finite_loss():
    masks = torch.zeros(1, 2, 32, 32, dtype=torch.bool)
    torch.manual_seed(0)
    logits = torch.randn(1, 2, 3, requires_grad=True)
    layer = Detected(logits, torch.rand(1, 2, 3, 4), torch.randn(1, 2, 3, 8, 8))
    terms = GroundingLoss()(DetectionClip([layer]), batch_of(masks))
    terms.total.backward()
    assert torch.isfinite(terms.total)
    assert (logits.grad > 0).all(), "every score goes down"


def test_cells_outside_the_clip_or_without_truth_do_not_count():
    masks = torch.zeros(1, 2, 30, 34, dtype=torch.bool)
    masks[:, :, 4:20, 4:20] = True
    void = torch.zeros(1, 2, 30, 34, dtype=torch.bool)
    void[:, :, :, 24:] = True
    meant = what_is_meant(batch_of(masks, void), (8, 9))
    assert meant.masks.shape == meant.counted.shape == (1, 2, 8, 9)
    assert meant.counted[0, 0].sum() == 7 * 6, "the eighth row is outside"
    layer = Detected(torch.randn(1, 2, 3), torch.rand(1, 2, 3, 4), torch.randn(1, 2, 3, 8, 9))
    layer.mask_logits.requires_grad_()
    GroundingLoss(score_weight=0, projection_weight=0)(
        DetectionClip([layer]), batch_of(masks, void)
    ).total.backward()
    assert not layer.mask_logits.grad[..., 6:].any()
    assert layer.mask_logits.grad[..., :6].any()


def test_boxes_reach_from_the_first_pixel_to_the_last():
    mask = torch.zeros(2, 10, 20, dtype=torch.bool)
    mask[0, 3:8, 4] = mask[0, 3, 4:11] = True
    wanted = torch.tensor([[7 / 20, 5 / 10, 6 / 20, 4 / 10], [0, 0, 0, 0]])
    torch.testing.assert_close(boxes_around(mask), wanted)


def test_generalised_iou_of_boxes_apart_is_negative():
    box = torch.tensor([0.25, 0.5, 0.1, 0.2])
    assert generalised_iou(box, box).item() == pytest.approx(1, abs=DEEP)
    apart = torch.tensor([0.75, 0.5, 0.1, 0.2])
    assert generalised_iou(box, apart).item() == pytest.approx(-(0.12 - 0.04) / 0.12, abs=DEEP)


def test_negative_weights_are_refused():
    with pytest.raises(ValueError, match="must not be negative"):
        GroundingLoss(dice_weight=-1)
