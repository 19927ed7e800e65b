import numpy as np
import pytest

from pvuw.ensemble.fuse.combinations import combine
from pvuw.ensemble.fuse.track_table import MAX_BINS, TrackCounter
from pvuw.ensemble.fuse.tracks import Swap, match_tracks
from tests.pvuw.ensemble.scenes_of_squares import NUM_FRAMES, shifted, swapped, video


def match(members, weights=None, num_frames=None):
    counter = TrackCounter(num_frames or NUM_FRAMES, len(members))
    for position in range(num_frames or NUM_FRAMES):
        counter.add(position, combine([m[position] for m in members]))
    return match_tracks(counter.table(), weights or [1] * len(members))


def members(*, exchanged=(), first=6, last=NUM_FRAMES - 1, count=5):
    """Members that are a pixel or two apart, some with exchanged ids."""
    offsets = (0, 1, -1, 2, -2)[:count]
    return [
        swapped(shifted(video(), by), first, last) if m in exchanged else shifted(video(), by)
        for m, by in enumerate(offsets)
    ]


def found(matching):
    return [(s.member, s.object_ids, s.first_bin, s.last_bin) for s in matching.swaps]


def test_members_that_agree_have_swapped_nothing():
    assert match(members()).swaps == []


@pytest.mark.parametrize(("first", "last"), [(6, 15), (0, 15), (4, 9)])
def test_exchanged_ids_are_found_with_their_moments(first, last):
    matching = match(members(exchanged=[2], first=first, last=last))
    assert found(matching) == [(2, (3, 9), first, last)]
    assert matching.id_table(first, 2, num_frames=NUM_FRAMES)[[0, 3, 9]].tolist() == [0, 9, 3]
    assert matching.id_table(first, 1, num_frames=NUM_FRAMES) is None


def test_two_of_five_members_are_put_right():
    assert found(match(members(exchanged=[0, 3]))) == [(0, (3, 9), 6, 15), (3, (3, 9), 6, 15)]


def test_exchanging_back_and_again_gives_two_stretches():
    twice = members()
    twice[1] = swapped(swapped(twice[1], 2, 5), 10, 13)
    assert found(match(twice)) == [(1, (3, 9), 2, 5), (1, (3, 9), 10, 13)]


def test_a_single_odd_frame_is_left_alone():
    assert match(members(exchanged=[2], first=7, last=7)).swaps == []


@pytest.mark.parametrize("last", [0, 1])
def test_an_exchange_at_the_beginning_costs_as_one_later(last):
    """The first frame was prompted: to begin exchanged is a change of ids too."""
    assert match(members(exchanged=[2], first=0, last=last)).swaps == []
    assert match(members(exchanged=[2], first=7, last=7 + last)).swaps == []
    assert found(match(members(exchanged=[2], first=0, last=4))) == [(2, (3, 9), 0, 4)]


def test_two_members_cannot_overrule_each_other_unless_one_weighs_more():
    two = members(exchanged=[1], count=2)
    assert match(two).swaps == []
    assert found(match(two, [2, 1])) == [(1, (3, 9), 6, 15)]


def test_three_ids_in_a_circle_are_put_right():
    three = members()
    for member in three:
        member[:, 40:46, 2:20] = 12
    circle = np.arange(256, dtype=np.uint8)
    circle[[3, 9, 12]] = 9, 12, 3
    three[4] = circle[three[4]]
    matching = match(three)
    assert {s.member for s in matching.swaps} == {4}
    assert matching.id_table(0, 4, num_frames=NUM_FRAMES)[[9, 12, 3]].tolist() == [3, 9, 12]


def test_one_member_twice_has_one_vote():
    same = [video(), video(), shifted(video(), 2)]
    assert match(same).shares.tolist() == [0.5, 0.5, 1.0]


def test_all_empty():
    nothing = np.zeros_like(video())
    matching = match([nothing, nothing, nothing])
    assert matching.swaps == []
    assert matching.table.num_objects == 0


def test_memory_does_not_grow_with_the_video():
    long = np.repeat(video(), 100, axis=0)
    matching = match([long, shifted(long, 1), swapped(long, 800, 1599)], num_frames=1600)
    assert matching.table.num_bins == MAX_BINS
    (swap,) = matching.swaps
    assert isinstance(swap, Swap)
    assert (swap.member, swap.first_bin, swap.last_bin) == (2, MAX_BINS // 2, MAX_BINS - 1)
