import numpy as np
import pytest

from pvuw.report.members.agreement_map import agreeing

ANSWER = np.array([[0, 0, 0, 0], [0, 7, 7, 0], [0, 7, 2, 2]], dtype=np.uint8)


def test_every_pixel_counts_the_members_with_the_answers_label():
    alike = ANSWER.copy()
    lost_two = np.where(ANSWER == 2, 0, ANSWER).astype(np.uint8)
    other_id = np.where(ANSWER == 7, 5, ANSWER).astype(np.uint8)
    assert agreeing(ANSWER, [alike, lost_two, other_id]).tolist() == [
        [3, 3, 3, 3],
        [3, 2, 2, 3],
        [3, 2, 2, 2],
    ]


def test_a_member_without_a_mask_has_no_say():
    assert agreeing(ANSWER, [None, ANSWER]).tolist() == np.ones((3, 4), int).tolist()
    assert not agreeing(ANSWER, [None]).any()


def test_maps_of_another_size_are_refused():
    with pytest.raises(ValueError, match="differ in size"):
        agreeing(ANSWER, [ANSWER[:2]])
