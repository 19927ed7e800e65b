import pytest
import torch

from pvuw.nets.sam2.distractor_aware import DistractorAware, rival_box_iou
from tests.pvuw.nets.sam2.records import BESIDE, FOUND, absent, record, square


def follow(records, **options):
    memory = DistractorAware(**options).follow(6)
    return [memory.see(r) for r in records]


def life(count, **special):
    """Frames of a calm object prompted on frame 0; `f7=...` replaces arguments of frame 7."""
    return [record(t, prompted=t == 0, **special.get(f"f{t}", {})) for t in range(count)]


# Recent memory.


def test_recent_memory_is_sparse_and_has_the_latest_frame():
    choices = follow(life(18))
    assert choices[0].recent == ()
    assert choices[1].recent == (1,)
    assert choices[4].recent == (4,)
    assert choices[5].recent == (5,)
    assert choices[6].recent == (5, 6)
    assert choices[11].recent == (5, 10, 11)
    assert choices[15].recent == (5, 10, 15)
    assert choices[16].recent == (10, 15, 16)


def test_empty_masks_are_not_remembered():
    frames = [*life(9), *(absent(t) for t in range(9, 40)), *(record(t) for t in range(40, 43))]
    choices = follow(frames)
    assert {c.recent for c in choices[8:40]} == {(5, 8)}
    assert choices[40].recent == (5, 40)
    assert choices[41].recent == (5, 40, 41)


def test_an_object_never_found_remembers_its_prompt_alone():
    assert {c.recent for c in follow([record(0, prompted=True), absent(1), absent(2)])} == {()}


@pytest.mark.parametrize(("count", "expected"), [(1, (17,)), (2, (15, 17)), (9, (5, 10, 15, 17))])
def test_number_of_recent_frames(count, expected):
    assert follow(life(18), recent_frames=count)[-1].recent == expected


def test_no_more_recent_frames_than_the_network_has_places_for():
    memory = DistractorAware(every=1, recent_frames=9).follow(2)
    assert [memory.see(r).recent for r in life(5)][-1] == (3, 4)


# Permanent memory.

RIVAL = {"others": [BESIDE]}


def test_a_frame_with_a_distractor_is_permanent():
    choices = follow(life(12, f7=RIVAL))
    assert [c.permanent for c in choices] == [()] * 7 + [(7,)] * 5
    assert choices[7].recent == (5,)  # it is read as a permanent one
    assert choices[8].recent == (5, 8)


@pytest.mark.parametrize(
    "frame",
    [
        {"others": []},
        {"others": [FOUND]},
        {"others": [None]},
        {"others": [(2, 6, 3, 7)]},  # reaches out by a column: box IoU 0.8
        {"others": [BESIDE], "iou": 0.8},
        {"others": [BESIDE], "mask": (2, 7, 2, 6)},  # 25 % larger
        {"others": [BESIDE], "mask": (2, 5, 2, 6)},  # 25 % smaller
        {"others": [BESIDE], "mask": None},
    ],
)
def test_frames_without_a_distractor_or_not_sure_enough(frame):
    assert {c.permanent for c in follow(life(12, f7=frame))} == {()}


def test_area_is_compared_with_the_median_of_the_frames_before():
    """Twice as large, and counted as usual only when most of the ten before are as large."""
    large = (2, 6, 2, 10)
    frames = [record(t, prompted=t == 0, mask=FOUND if t < 10 else large) for t in range(10, 30)]
    frames = [*life(10), *frames]
    rivals = [record(t, mask=large, others=[(2, 6, 13, 16)]) for t in range(10, 30)]
    first = next(
        t for t in range(10, 30) if follow([*frames[:t], rivals[t - 10]])[-1].permanent == (t,)
    )
    assert first == 16  # 10 to 15 are six of the ten before


def test_frames_with_distractors_keep_their_distance():
    choices = follow([record(t, prompted=t == 0, **(RIVAL if t else {})) for t in range(20)])
    assert choices[-1].permanent == (6, 12, 18)


def test_the_oldest_goes_when_there_are_too_many():
    frames = [record(t, prompted=t == 0, others=[BESIDE]) for t in range(40)]
    choices = follow(frames)
    assert choices[23].permanent == (6, 12, 18)
    assert choices[24].permanent == (12, 18, 24)
    assert max(len(c.permanent) + len(c.recent) for c in choices) == 6


def test_without_permanent_frames():
    policy = DistractorAware(max_frames=0)
    assert not policy.needs_candidates
    assert {c.permanent for c in follow(life(12, f7=RIVAL), max_frames=0)} == {()}
    assert DistractorAware().needs_candidates


def test_thresholds_are_options():
    unsure = {"others": [BESIDE], "iou": 0.5}
    assert follow(life(9, f7=unsure), min_iou=0.4)[-1].permanent == (7,)
    larger = {"others": [BESIDE], "mask": (2, 7, 2, 6)}
    assert follow(life(9, f7=larger), area_tolerance=0.3)[-1].permanent == (7,)
    near = {"others": [(2, 6, 3, 7)]}
    assert follow(life(9, f7=near), max_box_iou=0.8)[-1].permanent == (7,)
    assert follow(life(9, f3=RIVAL), min_gap=2)[-1].permanent == (3,)


@pytest.mark.parametrize(
    "options",
    [{"every": 0}, {"recent_frames": 0}, {"max_frames": -1}, {"min_iou": 2.0}, {"area_frames": 0}],
)
def test_values_without_meaning(options):
    (name,) = options
    with pytest.raises(ValueError, match=name):
        DistractorAware(**options)


# Rivals.


def test_only_the_largest_part_of_a_rival_counts():
    """A rival that is the object and a speck far off is no rival."""
    candidate = square(*FOUND)
    candidate[15, 15] = 3.0
    assert rival_box_iou(square(*FOUND), candidate[None]) == 1
    far = square(8, 14, 8, 14)
    far[2:6, 2:6] = 3.0
    assert rival_box_iou(square(*FOUND), far[None]) == pytest.approx(16 / 144)


def test_the_worst_rival_counts():
    candidates = torch.stack([square(2, 6, 3, 7), square(*BESIDE), square(*FOUND)])
    assert rival_box_iou(square(*FOUND), candidates) == pytest.approx(16 / 48)
