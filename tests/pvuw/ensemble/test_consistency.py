import pytest

from pvuw.ensemble.consistency import ABSENT_AGREEMENT, consistency
from pvuw.ensemble.evidence import ArrayFrames, Evidence
from tests.pvuw.ensemble.scenes_of_squares import shifted, video, without


def of(*members):
    evidence = Evidence(ArrayFrames(members), [1] * len(members))
    return consistency(evidence.matching), evidence


def test_who_loses_an_object_agrees_less_on_that_one_alone():
    agreed, _ = of(video(), video() + 0, without(shifted(video(), 1), 9), shifted(video(), 1))
    lost = agreed[:, 2]
    assert lost[:, 1].max() == 0
    assert lost[:, 0].min() > 0.5
    assert agreed[:, 3, 1].min() > 0.3


def test_not_seen_by_both_counts_like_two_good_masks():
    agreed, _ = of(without(video(), 9, 8), without(shifted(video(), 1), 9, 8))
    assert agreed[-1, :, 1] == pytest.approx([ABSENT_AGREEMENT] * 2)
    assert agreed[0, :, 1] == pytest.approx([11 / 13] * 2)


def test_members_that_are_the_same_do_not_vouch_for_each_other():
    apart = shifted(video(), 6)
    agreed, evidence = of(video(), video(), apart)
    assert agreed[:, 0].max() < 0.5  # compared with the third alone
    assert evidence.matching.same[0, 1]


def test_alone_a_member_agrees():
    agreed, _ = of(video())
    assert (agreed == 1).all()
