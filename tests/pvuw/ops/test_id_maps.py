import pytest
import torch

from pvuw.ops.id_maps import logits_to_id_map, resize_logits


def test_strongest_positive_logit_wins_and_ties_go_to_the_earlier_slot():
    logits = torch.tensor([[[1.0, 2.0, -1.0, 0.0]], [[3.0, 2.0, -2.0, -5.0]]])
    assert logits_to_id_map(logits, [9, 4]).tolist() == [[4, 9, 0, 0]]


def test_competing_networks_come_out_as_arg_max_over_background_and_objects():
    probs_with_bg = torch.rand(4, 9, 11).softmax(dim=0)
    log_odds = probs_with_bg[1:].log() - probs_with_bg[:1].log()
    ids = torch.tensor([0, 3, 5, 8], dtype=torch.uint8)
    assert torch.equal(logits_to_id_map(log_odds, [3, 5, 8]), ids[probs_with_bg.argmax(dim=0)])


def test_no_object_is_all_background():
    assert logits_to_id_map(torch.zeros(0, 2, 3), []).tolist() == [[0, 0, 0], [0, 0, 0]]
    assert resize_logits(torch.zeros(0, 2, 3), (4, 5)).shape == (0, 4, 5)


@pytest.mark.parametrize("ids", [[1], [1, 2, 3], [0, 1], [1, 256]])
def test_wrong_ids_are_refused(ids):
    with pytest.raises(ValueError, match="object ids"):
        logits_to_id_map(torch.zeros(2, 2, 2), ids)


def test_resize_equals_bilinear_without_aligned_corners():
    ramp = torch.arange(4.0)[None, None].expand(1, 1, 4)
    assert resize_logits(ramp, (1, 8)).flatten().tolist() == [
        0.0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3.0,
    ]  # fmt: skip
