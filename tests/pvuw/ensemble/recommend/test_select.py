from itertools import pairwise

import numpy as np
import pytest

from pvuw.ensemble.fuse.evidence import Evidence
from pvuw.ensemble.fuse.fusion import Fuser
from pvuw.ensemble.fuse.pixels import paint
from pvuw.ensemble.recommend.select import follow, judge_by_weight, select
from tests.helpers.array_frames import ArrayFrames
from tests.pvuw.ensemble.scenes_of_squares import shifted, video, without

NAMES = ["good", "near", "loses_9", "loses_3"]


def members():
    return [
        video(),
        shifted(video(), 1),
        shifted(without(video(), 9), 1),
        shifted(without(video(), 3), 1),
    ]


def chosen(maps, names=NAMES, weights=None, **more):
    weights = weights or dict.fromkeys(names, 1.0)
    evidence = Evidence(ArrayFrames(maps), list(weights.values()))
    return select(Fuser(evidence), names, judge_by_weight(weights), **more), evidence


def followed(selection, evidence):
    return np.stack(list(follow(evidence, selection)))


def test_the_member_that_agrees_most_is_followed_exactly():
    selection, evidence = chosen(members())
    ((_, why),) = selection.pieces
    assert why.member in ("good", "near")
    followed_map = members()[NAMES.index(why.member)]
    assert np.array_equal(followed(selection, evidence), followed_map)
    assert "agrees with the pseudo-label by" in why.reason
    assert [e.member for e in why.estimates][-2:] != ["good", "near"]


def test_weights_count():
    weights = {"good": 0.1, "near": 0.1, "loses_9": 0.1, "loses_3": 5.0}
    selection, _ = chosen(members(), weights=weights)
    assert selection.pieces[0][1].member == "loses_3"
    assert "has the highest weight, 5" in selection.pieces[0][1].reason


def test_agreement_decides_between_equal_weights_only():
    weights = {"good": 1.0, "near": 1.0, "loses_9": 2.0, "loses_3": 2.0}
    maps = [*members()[:3], np.zeros_like(video())]
    ((_, why),) = chosen(maps, weights=weights)[0].pieces
    assert [one.member for one in why.estimates][:2] == ["loses_9", "loses_3"]
    ranks = [one.expected for one in why.estimates]
    assert ranks == sorted(ranks, reverse=True)
    assert "weight" not in why.reason


@pytest.mark.parametrize("granularity", ["video", "frame", "object"])
def test_who_is_followed_outvotes_all_others(granularity):
    maps = [list(one) for one in members()]
    for member, gone in ((0, (0, 5, 6)), (1, (5,)), (2, (5,)), (3, (5,))):
        for frame in gone:
            maps[member][frame] = None
    selection, evidence = chosen(maps, granularity=granularity)
    voted = [paint(evidence.compare(t), selection.ballot(t)) for t in range(len(maps[0]))]
    assert np.array_equal(followed(selection, evidence), voted)


def test_a_member_is_followed_per_object():
    maps = [without(video(), 9), without(video(), 3), shifted(video(), 2), shifted(video(), -2)]
    names = ["knows_3", "knows_9", "off", "off_too"]
    picked, evidence = chosen(maps, names, granularity="object")
    by_object = {object_id: why.member for object_id, why in picked.pieces}
    assert by_object == {3: "knows_3", 9: "knows_9"}
    assert np.array_equal(followed(picked, evidence), video())


def test_per_frame_the_choice_changes_without_flicker():
    half = video().copy()
    half[8:] = shifted(half[8:], 8)
    other = video().copy()
    other[:8] = shifted(other[:8], -8)
    third = shifted(video(), 1)
    third[:4] = shifted(third[:4], 5)
    selection, _ = chosen([half, other, third], ["early", "late", "third"], granularity="frame")
    firsts = [first for first, _ in selection.pieces]
    assert firsts[0] == 0
    assert len(firsts) <= 4
    assert all(later - earlier >= 2 for earlier, later in pairwise(firsts))
    assert selection.pieces[0][1].member == "early"
    assert selection.pieces[-1][1].member in ("late", "third")


def test_a_missing_frame_is_taken_from_the_next_best():
    gaps = [list(video()), shifted(video(), 1), shifted(without(video(), 9), 1)]
    gaps[0][5] = None
    selection, evidence = chosen(gaps, NAMES[:3], weights={"good": 9.0, "near": 1, "loses_9": 0.5})
    answer = followed(selection, evidence)
    assert np.array_equal(answer[4], video()[4])
    assert np.array_equal(answer[5], shifted(video(), 1)[5])


@pytest.mark.parametrize("granularity", ["video", "object", "frame"])
def test_all_empty(granularity):
    nothing = np.zeros_like(video())
    selection, evidence = chosen([nothing, nothing], ["a", "b"], granularity=granularity)
    assert not followed(selection, evidence).any()
