"""Which object a foreground pixel goes to."""

import pytest
import torch

from pvuw.nets.tmo.identities import IdentityConfig, carry_ids, split_foreground
from pvuw.ops.id_maps import logits_to_id_map

CONFIG = IdentityConfig(reach=0.2)  # 4 pixels of 20
SIZE_HW = (20, 40)


def mask(*boxes):
    """Bool mask of boxes (top, left, bottom, right)."""
    drawn = torch.zeros(SIZE_HW, dtype=torch.bool)
    for top, left, bottom, right in boxes:
        drawn[top:bottom, left:right] = True
    return drawn


def logits(foreground):
    return foreground.float() * 6 - 3


def ids(found):
    return logits_to_id_map(found.mask_logits, list(range(1, len(found.mask_logits) + 1)))


def test_an_object_takes_the_foreground_it_is_expected_in():
    foreground = mask((5, 6, 12, 14))
    found = carry_ids(logits(foreground), mask((4, 5, 11, 13))[None], CONFIG)
    assert found.has_opinion.tolist() == [True]
    assert torch.equal(ids(found) == 1, foreground)


def test_one_foreground_is_shared_by_who_is_nearer():
    foreground = mask((5, 5, 10, 25))
    found = carry_ids(
        logits(foreground), torch.stack([mask((5, 5, 10, 13)), mask((5, 17, 10, 25))]), CONFIG
    )
    middle = ids(found)[7]
    assert middle[5:15].tolist() == [1] * 10
    assert middle[16:25].tolist() == [2] * 9
    assert torch.equal(ids(found) > 0, foreground)


def test_foreground_that_touches_nobody_is_background():
    near, far = mask((5, 6, 10, 12)), mask((5, 14, 10, 18))
    found = carry_ids(logits(near | far), near[None], CONFIG)
    assert torch.equal(ids(found) == 1, near)


def test_foreground_out_of_reach_is_background():
    found = carry_ids(logits(mask((5, 5, 10, 35))), mask((5, 5, 10, 10))[None], CONFIG)
    assert ids(found)[7, 5:14].all()
    assert not ids(found)[7, 15:].any()


def test_logits_of_an_object_are_those_of_the_foreground_around_it():
    scores = torch.linspace(-2, 2, SIZE_HW[1]).expand(SIZE_HW)
    expected = mask((0, 18, 20, 40))
    found = carry_ids(scores, expected[None], CONFIG)
    assert torch.equal(found.mask_logits[0, :, 16:], scores[:, 16:])
    assert found.mask_logits[0, :, :10].max() <= -10


def test_an_object_the_foreground_does_not_show_gets_no_vote():
    seen, hidden = mask((2, 2, 8, 8)), mask((10, 30, 16, 36))
    found = carry_ids(logits(seen), torch.stack([seen, hidden]), CONFIG)
    assert found.has_opinion.tolist() == [True, False]
    assert not found.mask_logits[1].any()


def test_a_trace_of_overlap_is_no_sight():
    expected = mask((5, 5, 15, 15))
    for columns, seen in ((1, False), (3, True)):
        shown = mask((5, 15 - columns, 15, 20))
        config = IdentityConfig(min_overlap=0.2, reach=0.5)
        assert carry_ids(logits(shown), expected[None], config).has_opinion.item() is seen


@pytest.mark.parametrize("count", [0, 2])
def test_nobody_expected(count):
    found = carry_ids(
        logits(mask((0, 0, 9, 9))), torch.zeros(count, *SIZE_HW, dtype=torch.bool), CONFIG
    )
    assert found.mask_logits.shape == (count, *SIZE_HW)
    assert not found.has_opinion.any()
    assert not found.mask_logits.any()


# Split by another model.


def test_shares_are_the_other_models():
    foreground = torch.full((1, 1), 1.0)
    anchor = torch.tensor([2.0, 1.0]).view(2, 1, 1)
    config = IdentityConfig()
    found = split_foreground(foreground, anchor, config)
    probs = torch.cat([torch.zeros(1), anchor.flatten()]).softmax(0)
    share = probs[1:] / probs[1:].sum()
    inside = torch.sigmoid(torch.tensor(1.0))
    wanted = (inside * share).log() - (1 - inside).log()
    torch.testing.assert_close(found.mask_logits[0, 0, 0], wanted[0])
    assert found.has_opinion.tolist() == [True, False]


def test_the_extent_is_the_foregrounds():
    anchor = torch.stack([logits(mask((0, 0, 20, 10))), logits(mask((0, 10, 20, 20)))])
    foreground = mask((5, 0, 12, 20))
    found = split_foreground(logits(foreground), anchor, CONFIG)
    assert torch.equal(ids(found) > 0, foreground)
    assert torch.equal(ids(found) == 2, foreground & mask((0, 10, 20, 20)))


def test_foreground_where_the_other_model_sees_nothing_is_no_vote():
    """Else something that stands out, but was never prompted, would be voted for."""
    one = mask((2, 2, 8, 8))
    anchor = torch.where(one, 5.0, -8.0)[None]
    found = split_foreground(logits(one | mask((10, 20, 18, 30))), anchor, CONFIG)
    assert torch.equal(ids(found) == 1, one)


def test_no_opinion_where_the_foreground_misses_the_other_models_object():
    anchor = torch.stack([logits(mask((2, 2, 8, 8))), logits(mask((10, 20, 18, 30)))])
    found = split_foreground(logits(mask((2, 2, 8, 8))), anchor, CONFIG)
    assert found.has_opinion.tolist() == [True, False]
    assert not found.mask_logits[1].any()
    nobody = split_foreground(logits(mask()), anchor[:0], CONFIG)
    assert nobody.mask_logits.shape == (0, *SIZE_HW)


@pytest.mark.parametrize("wrong", [{"min_overlap": 0}, {"reach": 2.0}, {"min_anchor": -1}])
def test_values_without_meaning_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        IdentityConfig(**wrong)
