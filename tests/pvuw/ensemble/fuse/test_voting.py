import numpy as np
import pytest

from pvuw.ensemble.fuse.voting import Ballot, decide
from tests.helpers.noise import SUMMATION


def best(labels, votes, has_opinion=None):
    ballot = Ballot.uniform(votes)
    if has_opinion is not None:
        ballot.has_opinion[:, 7] = has_opinion
    return decide(np.array([labels], np.int16), ballot).best[0]


@pytest.mark.parametrize(
    ("labels", "votes", "expected"),
    [
        ([7, 7, 0], [1, 1, 1], 7),
        ([7, 0, 0], [1, 1, 1], 0),
        ([7, 0, 0], [3, 1, 1], 7),
        ([7, 9, 9], [1, 1, 1], 9),
        ([7, 0, -1], [1, 1, 1], 7),  # a tie: the first listed
        ([0, 7, -1], [1, 1, 1], 0),
        ([9, 7, 7, 9], [1, 1, 1, 1], 9),
        ([-1, -1, 7], [1, 1, 1], 7),
        ([7, 9, 0], [1, 1, 1], 7),  # silence is one vote, not one against each object
        ([7, 9, 0], [1, 1, 1.5], 0),
    ],
)
def test_most_votes_win(labels, votes, expected):
    assert best(labels, votes) == expected


def test_silence_of_a_member_that_cannot_see_is_no_vote():
    labels = [7, 0, 0]
    assert best(labels, [1, 1, 1]) == 0
    assert best(labels, [1.5, 1, 1], [True, True, False]) == 7
    assert best([7, 0, -1], [0.1, 1, 1], [True, False, False]) == 7


def test_background_counts_by_trust_on_the_objects_in_question():
    ballot = Ballot.uniform([1, 1, 1])
    ballot.weights[1:, 7] = 0.2  # two members known to lose object 7
    labels = np.int16([[7, 0, 0], [9, 0, 0]])
    assert decide(labels, ballot).best.tolist() == [7, 0]


def test_near_ties_are_marked_and_name_both_labels():
    decision = decide(np.int16([[7, 9], [7, 7]]), Ballot.uniform([1.05, 1]))
    assert decision.near_tie.tolist() == [True, False]
    assert (decision.best[0], decision.second[0]) == (7, 9)
    assert decision.share[0] == pytest.approx(0.05 / 2.05, abs=SUMMATION)


def test_nothing_but_background():
    assert decide(np.int16([[0, 0, -1]]), Ballot.uniform([1, 1, 1])).best.tolist() == [0]
