"""Which frames are prompted and corrected: shares, limits, order, the same everywhere."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from pvuw.nets.sam2.prompt_plan import FirstPrompt, PromptPlan, TrainingPrompts, draw_plan

RECIPE = TrainingPrompts()
CLICKS = TrainingPrompts(prob_to_use_pt_input=1)


def plans(prompts, num_frames=8, count=2000):
    draw = np.random.default_rng(0)
    return [draw_plan(prompts, num_frames, draw) for _ in range(count)]


def share(values):
    values = list(values)
    return sum(values) / len(values)


def test_shares_are_those_of_the_recipe():
    drawn = plans(RECIPE)
    kinds = [kind for plan in drawn for kind in plan.first.values()]
    masks = [set(plan.first.values()) == {FirstPrompt.MASK} for plan in drawn]
    assert share(masks) == pytest.approx(0.5, abs=0.04)
    clicked = [kind for kind in kinds if kind is not FirstPrompt.MASK]
    assert share(kind is FirstPrompt.BOX for kind in clicked) == pytest.approx(0.5, abs=0.04)
    assert share(len(plan.first) == 2 for plan in drawn) == pytest.approx(0.5, abs=0.04)
    corrections = [c for plan in drawn for c in plan.corrections.values()]
    assert share(any_where for c in corrections for any_where in c) == pytest.approx(0.1, abs=0.01)
    assert {len(c) for c in corrections} == {7}


def test_masks_are_never_mixed_with_clicks_nor_corrected():
    for plan in plans(RECIPE, count=200):
        if FirstPrompt.MASK in plan.first.values():
            assert set(plan.first.values()) == {FirstPrompt.MASK}
            assert plan.corrections == {}


def test_the_first_frame_comes_first_and_others_are_anywhere():
    drawn = plans(RECIPE)
    assert all(next(iter(plan.first)) == 0 for plan in drawn)
    later = Counter(t for plan in drawn for t in list(plan.first)[1:])
    assert set(later) == set(range(1, 8))
    assert max(later.values()) < 2 * min(later.values())


def test_prompted_frames_are_corrected_and_at_most_two():
    seen = set()
    for plan in plans(CLICKS):
        assert set(plan.first) <= set(plan.corrections)
        seen.add((len(plan.first), len(plan.corrections)))
    assert seen == {(1, 1), (1, 2), (2, 2)}


def test_fixed_numbers_are_taken_as_they_are():
    fixed = replace(
        CLICKS,
        rand_init_cond_frames=False,
        rand_frames_to_correct=False,
        num_frames_to_correct=4,
        num_correction_pt_per_frame=3,
    )
    for plan in plans(fixed, count=50):
        assert (len(plan.first), len(plan.corrections)) == (2, 4)
        assert {len(c) for c in plan.corrections.values()} == {3}


@pytest.mark.parametrize("num_frames", [1, 2, 3])
def test_short_clips_keep_a_frame_to_predict(num_frames):
    for plan in plans(replace(RECIPE, num_frames_to_correct=5), num_frames, count=200):
        given = [t for t, kind in plan.first.items() if kind is FirstPrompt.MASK]
        assert len(given) < num_frames
        assert {*plan.first, *plan.corrections} <= set(range(num_frames))


def test_a_still_image_is_clicked():
    for plan in plans(replace(RECIPE, prob_to_use_pt_input=0), 1, count=50):
        assert FirstPrompt.MASK not in plan.first.values()
        assert list(plan.corrections) == [0]


def test_equal_generators_give_equal_plans():
    assert plans(RECIPE, count=30) == plans(RECIPE, count=30)
    other = [draw_plan(RECIPE, 8, np.random.default_rng(seed)) for seed in range(30)]
    assert plans(RECIPE, count=30) != other


def test_corrections_are_in_the_order_frames_are_processed():
    prompts = replace(CLICKS, num_init_cond_frames=1, num_frames_to_correct=5)
    for plan in plans(prompts, count=50):
        order = plan.order(8)
        places = [order.index(t) for t in plan.corrections]
        assert places == sorted(places)
        assert sorted(order) == list(range(8))


def test_what_later_frames_read_as_prompted():
    corrections = {0: (False,), 2: (False,)}
    plan = PromptPlan({0: FirstPrompt.POINT}, corrections)
    assert [plan.is_conditioning(t) for t in range(3)] == [True, False, True]
    plan = replace(plan, corrected_are_conditioning=False)
    assert [plan.is_conditioning(t) for t in range(3)] == [True, False, False]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"prob_to_use_pt_input": 1.5}, "prob_to_use_pt_input.*1.5"),
        ({"prob_to_sample_from_gt": -0.1}, "prob_to_sample_from_gt.*-0.1"),
        ({"num_init_cond_frames": 0}, "num_init_cond_frames.*0"),
        ({"num_correction_pt_per_frame": -1}, "num_correction_pt_per_frame.*-1"),
        ({"num_frames_to_correct": 1}, "num_frames_to_correct is 1"),
    ],
)
def test_values_without_meaning_are_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        replace(RECIPE, **changed)


def test_masks_alone_need_no_frames_to_correct():
    prompts = replace(RECIPE, prob_to_use_pt_input=0, num_frames_to_correct=0)
    assert all(plan.corrections == {} for plan in plans(prompts, count=20))
