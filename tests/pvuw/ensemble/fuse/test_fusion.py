import numpy as np
import pytest

from pvuw.ensemble.fuse.evidence import Evidence
from pvuw.ensemble.fuse.fusion import Fuser, vote
from tests.helpers.array_frames import ArrayFrames
from tests.pvuw.ensemble.scenes_of_squares import (
    IDS,
    NUM_FRAMES,
    iou,
    shifted,
    swapped,
    video,
    without,
)


def fused(members, weights=None, **more):
    evidence = Evidence(ArrayFrames(members), weights or [1] * len(members))
    return np.stack(list(Fuser(evidence, **more).answers()))


def voted(members, weights=None):
    return np.stack(list(vote(ArrayFrames(members), weights or [1] * len(members))))


def mean_iou(answer):
    return np.mean([iou(answer, video(), object_id) for object_id in IDS])


def test_of_three_the_majority_wins():
    answer = voted([without(video(), 9), video(), shifted(video(), 40)])
    assert np.array_equal(answer[:, :20], video()[:, :20])


def test_swapped_members_help_once_they_are_put_right():
    members = [swapped(shifted(video(), by), 4, NUM_FRAMES - 1) for by in (0, 3)]
    members += [shifted(video(), -3), shifted(video(), 2), without(video(), 9, 8)]
    assert mean_iou(fused(members)) > mean_iou(voted(members)) + 0.1
    assert mean_iou(fused(members)) > 0.8


def test_two_that_agree_do_not_outvote_a_better_record():
    lost = [without(video(), 9, 1), shifted(without(video(), 9, 1), 1)]
    right = shifted(video(), 2)
    assert iou(fused([*lost, right], [1, 1, 1.5]), video(), 9) < 0.1
    assert iou(fused([*lost, right], [1, 1, 2.5]), right, 9) > 0.95


def test_agreement_is_no_vote():
    members = [video(), shifted(video(), 1), without(video(), 9, 1)]
    ballot = Fuser(Evidence(ArrayFrames(members), [1, 2, 3])).ballot(8)
    assert np.array_equal(ballot.weights, np.repeat([[1.0], [2.0], [3.0]], 256, axis=1))


def test_a_member_without_opinion_changes_nothing():
    members = [video(), shifted(video(), 2), shifted(video(), 1)]
    assert np.array_equal(fused(members), fused([*members, [None] * NUM_FRAMES]))


def test_two_identical_members_count_as_one():
    apart = [shifted(video(), 3), shifted(video(), 4)]
    twice = [without(video(), 9), without(video(), 9), *apart]
    once = [without(video(), 9), *apart]
    assert np.array_equal(fused(twice), fused(once))
    assert iou(voted(twice), video(), 9) < 0.1 < iou(fused(twice), video(), 9)


def test_all_empty_stays_empty():
    nothing = np.zeros_like(video())
    assert not fused([nothing, nothing, nothing]).any()


def test_the_better_record_decides_between_two():
    two = [without(video(), 9), video()]
    assert iou(fused(two, [3, 1]), video(), 9) == 0
    assert iou(fused(two, [1, 3]), video(), 9) == 1


class Said:
    """Every member says the same in every frame."""

    def __init__(self, *said):
        self.said = said

    def of_frame(self, position):
        return list(self.said)


def test_own_confidence_decides_between_two():
    two = [without(video(), 9), video()]
    sure, unsure = {3: 0.9, 9: 0.9}, {3: 0.9, 9: 0.2}
    assert iou(fused(two, confidences=Said(sure, unsure)), video(), 9) == 0
    assert iou(fused(two, confidences=Said(unsure, sure)), video(), 9) == 1


def test_an_object_a_member_cannot_see_is_not_voted_down():
    three = [shifted(without(video(), 9), 1), without(video(), 9), video()]
    blind = {3: 0.9, 9: None}
    assert iou(fused(three), video(), 9) == 0
    assert iou(fused(three, confidences=Said(blind, blind, {3: 0.9, 9: 0.9})), video(), 9) == 1


def test_silence_about_confidence_is_no_advantage():
    frames = ArrayFrames([video(), shifted(video(), 1), shifted(video(), 2)])
    evidence = Evidence(frames, [1, 1, 1])
    fuser = Fuser(evidence, Said({3: 0.4, 9: 0.4}, {3: 0.6, 9: 0.6}, {}))
    weights = fuser.ballot(0).weights[:, 9] / Fuser(evidence).ballot(0).weights[:, 9]
    assert weights == pytest.approx([0.4, 0.6, 0.5])


def test_confidence_of_a_swapped_id_goes_to_the_object_it_means():
    members = [video(), shifted(video(), 1), swapped(shifted(video(), -1), 0, NUM_FRAMES - 1)]
    evidence = Evidence(ArrayFrames(members), [1, 1, 1])
    fuser = Fuser(evidence, Said({}, {}, {3: 0.2, 9: 0.8}))
    weights = fuser.ballot(5).weights[2] / Fuser(evidence).ballot(5).weights[2]
    assert weights[[3, 9]] == pytest.approx([0.8, 0.2])
