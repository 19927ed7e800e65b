import numpy as np

from pvuw.ensemble.pixels import paint, paint_smoothly
from pvuw.ensemble.voting import Ballot, decide
from tests.pvuw.ensemble.scenes_of_squares import SIZE_HW

EQUAL = Ballot.uniform([1, 1])


def noise(seed):
    return np.random.default_rng(seed).integers(0, 4, SIZE_HW, dtype=np.uint8)


def test_every_pixel_gets_what_its_labels_give():
    maps = [noise(0), None, noise(1), noise(2)]
    ballot = Ballot.uniform([1.3, 1, 1, 0.9])
    painted = paint(maps, ballot, size_hw=SIZE_HW)
    labels = np.stack([np.full(SIZE_HW, -1) if m is None else m for m in maps], axis=-1)
    flat = labels.reshape(-1, 4).astype(np.int16)
    assert np.array_equal(painted.ravel(), decide(flat, ballot).best)


def test_members_maps_are_left_as_they_are():
    maps = [noise(0), noise(1)]
    paint(maps, EQUAL, size_hw=SIZE_HW)
    assert np.array_equal(maps[0], noise(0))


def test_no_mask_at_all_is_background():
    assert not paint([None, None], EQUAL, size_hw=SIZE_HW).any()


def strip_in_question():
    """The first member calls a strip background, the second object 5, whose inside both know."""
    first = np.zeros(SIZE_HW, np.uint8)
    first[10:40, 10:40] = 5
    second = first.copy()
    second[10:40, 40:42] = 5
    return [first, second]


def test_a_tie_goes_to_the_label_of_the_frame_before():
    maps = strip_in_question()
    assert not paint(maps, EQUAL, size_hw=SIZE_HW)[20, 41]
    kept = paint_smoothly(maps, EQUAL, size_hw=SIZE_HW, previous=maps[1])
    assert kept[20, 40] == 5
    gone = paint_smoothly(maps, EQUAL, size_hw=SIZE_HW, previous=maps[0])
    assert gone[20, 40] == 0


def test_a_tie_inside_an_object_goes_to_the_object():
    maps = strip_in_question()
    maps[0][20, 20] = 0  # a hole of one pixel in one of two members
    smooth = paint_smoothly(maps, EQUAL, size_hw=SIZE_HW, previous=None)
    assert smooth[20, 20] == 5
    assert paint(maps, EQUAL, size_hw=SIZE_HW)[20, 20] == 0


def test_clear_votes_are_not_smoothed():
    maps = strip_in_question()
    clear = paint_smoothly(maps, Ballot.uniform([1, 2]), size_hw=SIZE_HW, previous=maps[0])
    assert clear[20, 41] == 5
