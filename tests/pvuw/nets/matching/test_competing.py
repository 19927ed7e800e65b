"""Objects share pixels by the rules of soft aggregation."""

import torch

from pvuw.nets.matching.competing import aggregate, insert_masks, log_odds
from pvuw.ops.id_maps import logits_to_id_map


def test_aggregate_gives_background_what_no_object_wants():
    probs = torch.tensor([0.2, 0.6])
    logits = aggregate(probs)
    both = torch.tensor([0.8 * 0.4, 0.2, 0.6])
    torch.testing.assert_close(logits, (both / (1 - both)).log())


def test_log_odds_hold_everything_a_softmax_says():
    logits = aggregate(torch.rand(3, 5, 7))
    odds = log_odds(logits)
    probs = torch.cat([torch.zeros(1, 5, 7), odds]).softmax(0)
    torch.testing.assert_close(probs, logits.softmax(0))
    slots = torch.tensor([0, 7, 2, 9], dtype=torch.uint8)
    assert torch.equal(logits_to_id_map(odds, [7, 2, 9]), slots[logits.argmax(0)])


def test_extremes_stay_finite():
    logits = aggregate(torch.tensor([[1.0, 0.0, 1.0], [1.0, 0.0, 0.0]]))
    assert logits.isfinite().all()
    assert log_odds(logits)[:, 0].tolist() == [logits[1, 0] - logits[0, 0]] * 2


def test_given_masks_hold_and_the_others_yield():
    predicted = torch.full((2, 1, 3), 0.7)
    given = {1: torch.tensor([[True, False, False]]), 2: torch.tensor([[False, True, False]])}
    merged = insert_masks(predicted, given, num_objects=3)
    assert merged[0, 0].tolist() == [0.0, 0.0, torch.tensor(0.7).item()]
    assert merged[1, 0].tolist() == [1.0, 0.0, 0.0]
    assert merged[2, 0].tolist() == [0.0, 1.0, 0.0]


def test_soft_masks_may_be_given_between_frames():
    given = {0: torch.tensor([[0.4, 0.9]])}
    merged = insert_masks(torch.full((1, 1, 2), 0.2), given, num_objects=1)
    torch.testing.assert_close(merged, torch.tensor([[[0.4, 0.9]]]))
    merged = insert_masks(torch.full((1, 1, 2), 0.2), {1: given[0]}, num_objects=2)
    torch.testing.assert_close(merged[0], torch.tensor([[0.2, 0.0]]))
