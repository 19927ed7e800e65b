"""Which maps and pointers a memory bank keeps, and in which order they are read."""

import torch

from pvuw.nets.sam2.memory import MapChoice, MemoryBank, MemoryFrame


def bank_of(count, *, choices=None, prompted=(0,), num_maps=3, num_pointers=5):
    """A bank after `count` frames whose maps and pointers hold the frame's number."""
    bank = MemoryBank(num_maps=num_maps, num_pointers=num_pointers)
    for t in range(count):
        frame = MemoryFrame(torch.full((2, 1, 1), t), torch.full((2, 1), t))
        bank.add(t, frame, prompted=t in prompted, choice=(choices or {}).get(t))
    return bank


def read(bank):
    frame_idx = 1 + max({*bank.recent, *bank.prompted, *bank.permanent})
    return [(place, int(features[0])) for place, features in bank.maps(frame_idx)]


def pointed(bank, frame_idx):
    return [(distance, int(pointers[0])) for distance, pointers in bank.pointers(frame_idx)]


def test_the_last_frames_are_read_oldest_to_newest():
    assert read(bank_of(2)) == [(0, 0), (3, 1)]
    assert read(bank_of(8)) == [(0, 0), (1, 5), (2, 6), (3, 7)]
    assert pointed(bank_of(8), 8) == [(8, 0), (1, 7), (2, 6), (3, 5), (4, 4), (5, 3)]


def test_a_prompted_frame_leaves_its_place_in_time_empty():
    assert read(bank_of(8, prompted=(0, 6))) == [(0, 0), (0, 6), (1, 5), (3, 7)]


def test_chosen_frames_take_the_last_places():
    choices = {t: MapChoice((2, t)) for t in range(4, 9)}
    assert read(bank_of(9, choices={3: MapChoice((2, 3)), **choices})) == [
        (0, 0),
        (2, 2),
        (3, 8),
    ]


def test_permanent_frames_are_read_like_prompted_ones_and_no_longer_as_recent():
    bank = bank_of(8, choices={7: MapChoice((5, 6, 7), permanent=(5,))})
    assert read(bank) == [(0, 0), (0, 5), (2, 6), (3, 7)]
    assert pointed(bank, 8)[:3] == [(8, 0), (3, 5), (1, 7)]
    assert 3 not in [distance for distance, _ in pointed(bank, 8)[2:]]


def test_permanent_frames_last_until_they_are_not_named():
    named = {t: MapChoice((t,), permanent=(1,)) for t in range(1, 40)}
    bank = bank_of(40, choices=named)
    assert read(bank) == [(0, 0), (0, 1), (3, 39)]
    assert read(bank_of(41, choices=named)) == [(0, 0), (2, 39), (3, 40)]
    assert 1 not in bank_of(41, choices=named).permanent


def test_frames_in_reserve_may_become_permanent_later():
    reserve = {t: MapChoice((t,), reserve=frozenset({2})) for t in range(2, 30)}
    bank = bank_of(31, choices={**reserve, 30: MapChoice((30,), permanent=(2,))})
    assert read(bank) == [(0, 0), (0, 2), (3, 30)]


def test_nothing_else_is_kept():
    bank = bank_of(30, choices={t: MapChoice((t,), reserve=frozenset({9})) for t in range(9, 30)})
    assert sorted(bank.recent) == [9, 25, 26, 27, 28, 29]
    assert [t for t, m in sorted(bank.recent.items()) if m.features is not None] == [9, 29]


def test_taking_objects_takes_all_their_memory():
    choices = {t: MapChoice((3, t), permanent=(2,), reserve=frozenset({1})) for t in range(3, 9)}
    choices |= {t: MapChoice((t,), reserve=frozenset({1, 2})) for t in (1, 2)}
    bank = bank_of(9, choices=choices)
    part = bank.take([1])
    assert read(part) == read(bank)
    assert pointed(part, 9) == pointed(bank, 9)
    assert all(features.shape == (1, 1, 1) for _, features in part.maps(9))
    assert part.choice == bank.choice
