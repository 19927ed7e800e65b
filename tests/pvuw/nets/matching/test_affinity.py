"""Similarity and readout against their definition, in double precision and by loops."""

import math

import torch

from pvuw.nets.matching.affinity import full_affinity, read_values, similarity
from tests.helpers.noise import SUMMATION
from tests.pvuw.nets.matching.dense import top_k_affinity


def drawn(*shape):
    return torch.randn(shape)


def test_similarity_is_the_weighted_distance():
    key, query = drawn(1, 4, 7), drawn(1, 4, 5)
    shrinkage, selection = drawn(1, 1, 7) ** 2 + 1, drawn(1, 4, 5).sigmoid()
    found = similarity(key, shrinkage, query, selection)[0]
    for m in range(7):
        for q in range(5):
            difference = key[0, :, m].double() - query[0, :, q].double()
            distance = (selection[0, :, q] * difference**2).sum()
            expected = -shrinkage[0, 0, m] * distance / math.sqrt(4)
            # The squares are multiplied out: they cancel.
            assert abs(found[m, q] - expected) < 10 * SUMMATION


def test_without_selection_the_querys_own_square_is_left_out():
    key, query, shrinkage = drawn(1, 4, 7), drawn(1, 4, 5), torch.ones(1, 1, 7)
    whole = similarity(key, shrinkage, query, torch.ones(1, 4, 5))
    rest = query.pow(2).sum(1, keepdim=True) / 2
    torch.testing.assert_close(similarity(key, shrinkage, query, None), whole + rest)


def test_similarity_stays_exact_under_autocast():
    arguments = drawn(1, 4, 7), drawn(1, 1, 7) ** 2 + 1, drawn(1, 4, 5), drawn(1, 4, 5).sigmoid()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(similarity(*arguments), similarity(*arguments))
        low = similarity(*arguments)
    assert low.dtype == torch.float32
    assert torch.equal(low, similarity(*arguments))


def test_top_k_is_a_softmax_over_the_most_similar():
    scores = 3 * drawn(1, 9, 4)
    found = top_k_affinity(scores.clone(), 3)
    for q in range(4):
        best = scores[0, :, q].topk(3)
        expected = torch.zeros(9)
        expected[best.indices] = best.values.softmax(0)
        torch.testing.assert_close(found[0, :, q], expected)
    assert torch.equal((found > 0).sum(1), torch.full((1, 4), 3))


def test_top_k_survives_where_exp_does_not():
    scores = torch.tensor([[-5000.0, -0.5], [-5001.0, -1.0], [-9000.0, -700.0]])[None]
    found = top_k_affinity(scores, 2)
    expected = torch.tensor([[0.0, 0.0], [-1.0, -0.5]]).softmax(0)
    torch.testing.assert_close(found[0, :2], expected)
    # Where exp can hold them, values are what exp and a sum give, bit for bit.
    plain = scores[:, :2, 1:].exp()
    assert torch.equal(found[:, :2, 1:], plain / plain.sum(1, keepdim=True))


def test_top_k_takes_all_where_memory_is_smaller():
    scores = drawn(1, 4, 3)
    torch.testing.assert_close(top_k_affinity(scores, 30), full_affinity(scores))
    torch.testing.assert_close(full_affinity(scores), scores.softmax(1))


def test_readout_is_a_weighted_mean():
    values, affinity = drawn(2, 3, 6), drawn(1, 6, 4).softmax(1)
    torch.testing.assert_close(
        read_values(affinity, values), torch.einsum("nvm,mq->nvq", values, affinity[0])
    )
