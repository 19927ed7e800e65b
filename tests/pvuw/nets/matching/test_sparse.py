"""The sparse readout against the dense one."""

import pytest
import torch

from pvuw.nets.matching.affinity import read_values, similarity
from pvuw.nets.matching.sparse import read_top_k
from tests.helpers.noise import SUMMATION
from tests.pvuw.nets.matching.dense import top_k_affinity


@pytest.mark.parametrize(("cells", "places", "top_k"), [(50, 20, 7), (5, 9, 30), (40, 600, 3)])
def test_equals_the_dense_readout(cells, places, top_k):
    keys, query = torch.randn(cells, 16), torch.randn(places, 16)
    shrinkage, selection = 1 + torch.rand(cells), torch.rand(places, 16)
    values = torch.randn(cells, 6)
    found = read_top_k(keys, shrinkage, values, query, selection, top_k=top_k)
    scores = similarity(keys.T[None], shrinkage[None, None], query.T[None], selection.T[None])
    weights = top_k_affinity(scores, top_k)
    torch.testing.assert_close(found.values, read_values(weights, values.T[None])[0].T)
    torch.testing.assert_close(found.used, weights[0].sum(1))
    assert found.used.sum() == pytest.approx(places, rel=SUMMATION)


def test_hopeless_similarities_are_no_nan():
    far = read_top_k(
        torch.full((3, 4), 100.0), torch.ones(3), torch.ones(3, 2), torch.zeros(2, 4),
        torch.ones(2, 4), top_k=2,
    )  # fmt: skip
    torch.testing.assert_close(far.values, torch.ones(2, 2))
