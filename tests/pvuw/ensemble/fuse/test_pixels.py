import numpy as np
import pytest

from pvuw.ensemble.fuse import pixels
from pvuw.ensemble.fuse.pixels import compare, differing
from pvuw.ensemble.fuse.voting import Ballot, decide
from tests.pvuw.ensemble.scenes_of_squares import SIZE_HW

EQUAL = Ballot.uniform([1, 1])


def noise(seed, size_hw=SIZE_HW):
    return np.random.default_rng(seed).integers(0, 4, size_hw, dtype=np.uint8)


def paint(maps, ballot):
    return pixels.paint(compare(maps, size_hw=SIZE_HW), ballot)


def paint_smoothly(maps, ballot, *, previous):
    return pixels.paint_smoothly(compare(maps, size_hw=SIZE_HW), ballot, previous=previous)


def naive(maps, ballot, previous, *, side=3):
    """Every pixel decided on its own, near ties by counting pixels around one by one."""
    labels = np.stack([np.full(SIZE_HW, -1) if m is None else m for m in maps], axis=-1)
    decision = decide(labels.reshape(-1, len(maps)).astype(np.int16), ballot)
    first, second = decision.best.reshape(SIZE_HW), decision.second.reshape(SIZE_HW)
    share = decision.share.reshape(SIZE_HW)
    radius = side // 2
    padded, answer = np.pad(first, radius, mode="reflect"), first.copy()
    for y, x in np.argwhere(decision.near_tie.reshape(SIZE_HW)).tolist():
        around = padded[y : y + side, x : x + side]
        ids = [first[y, x], second[y, x]]
        space = [(around == i).mean() for i in ids]
        time = [0, 0] if previous is None else [previous[y, x] == i for i in ids]
        lead = share[y, x] + 0.1 * (space[0] - space[1]) + 0.1 * (float(time[0]) - time[1])
        if lead < 0:
            answer[y, x] = ids[1]
    return answer


IN_BYTES = 2e-3
"""Share of pixels: a box filter in bytes rounds shares of nine by up to half of 1/255."""


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("before", [None, 99])
def test_ties_are_decided_as_if_pixel_by_pixel(seed, before):
    maps = [noise(seed + 7 * number) for number in range(4)]
    maps[seed % 4] = None if seed % 3 else maps[seed % 4]
    ballot = Ballot.uniform(np.random.default_rng(seed).choice([1.0, 1.04, 0.5], 4))
    previous = None if before is None else noise(before)
    painted = paint_smoothly(maps, ballot, previous=previous)
    expected = naive(maps, ballot, previous)
    assert (painted != expected).mean() < IN_BYTES
    assert (expected != paint(maps, ballot)).mean() > 0.01


@pytest.mark.parametrize("count", [1, 2, 5])
def test_differing_pixels_are_found_across_strips(count):
    size_hw = (300, 1000)  # more pixels than a strip has
    maps = [np.where(noise(n, size_hw) == 3, noise(9, size_hw), np.uint8(1)) for n in range(count)]
    expected = np.flatnonzero(np.any([m != maps[0] for m in maps], axis=0))
    assert np.array_equal(differing(maps), expected)


def test_every_pixel_gets_what_its_labels_give():
    maps = [noise(0), None, noise(1), noise(2)]
    ballot = Ballot.uniform([1.3, 1, 1, 0.9])
    painted = paint(maps, ballot)
    labels = np.stack([np.full(SIZE_HW, -1) if m is None else m for m in maps], axis=-1)
    flat = labels.reshape(-1, 4).astype(np.int16)
    assert np.array_equal(painted.ravel(), decide(flat, ballot).best)


def test_members_maps_are_left_as_they_are():
    maps = [noise(0), noise(1)]
    paint(maps, EQUAL)
    assert np.array_equal(maps[0], noise(0))


def test_no_mask_at_all_is_background():
    assert not paint([None, None], EQUAL).any()


def strip_in_question():
    """The first member calls a strip background, the second object 5, whose inside both know."""
    first = np.zeros(SIZE_HW, np.uint8)
    first[10:40, 10:40] = 5
    second = first.copy()
    second[10:40, 40:42] = 5
    return [first, second]


def test_a_tie_goes_to_the_label_of_the_frame_before():
    maps = strip_in_question()
    assert not paint(maps, EQUAL)[20, 41]
    kept = paint_smoothly(maps, EQUAL, previous=maps[1])
    assert kept[20, 40] == 5
    gone = paint_smoothly(maps, EQUAL, previous=maps[0])
    assert gone[20, 40] == 0


def test_a_tie_inside_an_object_goes_to_the_object():
    maps = strip_in_question()
    maps[0][20, 20] = 0  # a hole of one pixel in one of two members
    smooth = paint_smoothly(maps, EQUAL, previous=None)
    assert smooth[20, 20] == 5
    assert paint(maps, EQUAL)[20, 20] == 0


def test_the_square_grows_with_the_frame_and_has_a_middle(monkeypatch):
    """Four pixels would have none: it is five."""
    monkeypatch.setattr(pixels, "_WINDOW_HEIGHT", pixels._WINDOW * SIZE_HW[0] / 4)
    maps = [noise(seed) for seed in range(3)]
    ballot = Ballot.uniform([1.0, 1.0, 0.5])
    expected = naive(maps, ballot, None, side=5)
    assert (paint_smoothly(maps, ballot, previous=None) != expected).mean() < IN_BYTES
    assert (expected != naive(maps, ballot, None)).mean() > 0.01


def test_clear_votes_are_not_smoothed():
    maps = strip_in_question()
    clear = paint_smoothly(maps, Ballot.uniform([1, 2]), previous=maps[0])
    assert clear[20, 41] == 5
