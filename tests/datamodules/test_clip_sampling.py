from collections import Counter

import numpy as np
import pytest

from datamodules.clip_sampling import ClipConfig, ClipKey, draw_clip


def rng(number=0):
    return np.random.default_rng(number)


def draws(config, *, num_usable, visible=lambda _: [1], count=200):
    return [draw_clip(rng(i), config, num_usable=num_usable, visible=visible) for i in range(count)]


def test_frames_are_strided_and_inside_the_video():
    for draw in draws(ClipConfig(num_frames=3, stride=2), num_usable=7):
        assert np.diff(draw.positions).tolist() == [2, 2]
        assert set(draw.positions) <= set(range(7))


def test_every_start_and_stride_comes_up():
    found = draws(ClipConfig(num_frames=3, stride=(1, 3)), num_usable=8, count=500)
    strides = Counter(d.positions[1] - d.positions[0] for d in found)
    assert set(strides) == {1, 2, 3}
    assert min(strides.values()) > 100
    assert {d.positions[0] for d in found if d.positions[1] - d.positions[0] == 1} == set(range(6))


def test_stride_is_limited_to_what_fits():
    found = draws(ClipConfig(num_frames=4, stride=(2, 5)), num_usable=8)
    assert {d.positions[1] - d.positions[0] for d in found} == {2}
    assert draws(ClipConfig(num_frames=4, stride=5), num_usable=4)[0].positions == [0, 1, 2, 3]


@pytest.mark.parametrize(("num_usable", "longest"), [(9, 2), (10, 3), (12, 3), (13, 4)])
def test_the_longest_stride_that_fits_is_taken(num_usable, longest):
    """Four frames at stride `s` span `3 s + 1`."""
    found = draws(ClipConfig(num_frames=4, stride=5), num_usable=num_usable)
    assert {tuple(np.diff(d.positions)) for d in found} == {(longest,) * 3}
    assert {d.positions[0] for d in found} == set(range(num_usable - 3 * longest))


def test_one_frame_clips():
    assert {d.positions[0] for d in draws(ClipConfig(num_frames=1), num_usable=3)} == {0, 1, 2}


def test_empty_first_frames_are_passed_over():
    found = draws(
        ClipConfig(num_frames=2), num_usable=9, visible=lambda i: [5] if i in (2, 6) else []
    )
    assert Counter(d.positions[0] for d in found).keys() == {2, 6}
    assert all(d.ranked_ids == [5] for d in found)


def test_objects_only_near_the_end_are_found_with_a_shorter_stride():
    config = ClipConfig(num_frames=3, stride=4)
    draw = draw_clip(rng(), config, num_usable=10, visible=lambda i: [2] if i == 7 else [])
    assert draw.positions == [7, 8, 9]


def test_video_without_objects_gives_none_after_one_look_at_each_start():
    looks = Counter()
    config = ClipConfig(num_frames=2)
    assert draw_clip(rng(), config, num_usable=6, visible=lambda i: looks.update([i])) is None
    assert looks == dict.fromkeys(range(5), 1)


def test_ids_are_ranked_at_random():
    found = draws(ClipConfig(num_frames=2), num_usable=4, visible=lambda _: [1, 3, 7])
    assert Counter(tuple(sorted(d.ranked_ids)) for d in found) == {(1, 3, 7): 200}
    assert len({tuple(d.ranked_ids) for d in found}) == 6


def test_draw_depends_on_seed_epoch_and_number_alone():
    config = ClipConfig(num_frames=3, stride=(1, 4))

    def draw(seed, key):
        return draw_clip(key.rng(seed), config, num_usable=60, visible=lambda _: list(range(1, 9)))

    first = draw(0, ClipKey(1, 2))
    assert draw(0, ClipKey(1, 2)) == first
    for seed, key in [(1, ClipKey(1, 2)), (0, ClipKey(2, 2)), (0, ClipKey(1, 3))]:
        assert draw(seed, key) != first


def test_random_numbers_are_the_same_everywhere():
    # Frozen: a change here changes every training run.
    assert ClipKey(2, 5).rng(7).integers(0, 1000, 4).tolist() == [51, 344, 527, 915]


def test_clips_run_backwards_in_the_asked_share():
    config = ClipConfig(num_frames=3, stride=2, reverse_prob=0.3)
    found = draws(config, num_usable=9, count=400)
    backwards = [d for d in found if d.positions[0] > d.positions[-1]]
    assert 80 <= len(backwards) <= 160
    assert {tuple(np.diff(d.positions)) for d in backwards} == {(-2, -2)}
    assert {d.positions[0] for d in backwards} == set(range(4, 9))


def test_clips_that_run_backwards_begin_where_an_object_is_visible():
    config = ClipConfig(num_frames=3, reverse_prob=1.0)
    found = draws(config, num_usable=9, visible=lambda i: [4] if i in (0, 3) else [])
    assert {tuple(d.positions) for d in found} == {(3, 2, 1)}


def test_options_that_are_off_take_no_random_numbers():
    plain = draws(ClipConfig(num_frames=3, stride=(1, 2)), num_usable=20)
    named = ClipConfig(num_frames=3, stride=(1, 2), reverse_prob=0.0, look_alike_prob=0.0)
    assert draws(named, num_usable=20) == plain


def test_stride_of_a_faster_source():
    config = ClipConfig(num_frames=2, stride=(1, 3))
    assert config.with_stride_times(1) is config
    assert config.with_stride_times(4).stride_range == (4, 12)
    assert ClipConfig(stride=2).with_stride_times(3).stride_range == (6, 6)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"num_frames": 0}, "clip.num_frames must be at least 1, got 0"),
        ({"max_objects": 0}, "clip.max_objects"),
        ({"size": -1}, "clip.size"),
        ({"clips_per_epoch": 0}, "clip.clips_per_epoch"),
        ({"stride": 0}, "clip.stride"),
        ({"stride": (3, 1)}, "clip.stride"),
        ({"flip_prob": 1.5}, "clip.flip_prob"),
        ({"reverse_prob": -0.1}, "clip.reverse_prob"),
        ({"look_alike_prob": 2}, "clip.look_alike_prob"),
        ({"size_multiple": 0}, "clip.size_multiple"),
        ({"sizes": (32, 0)}, "clip.sizes"),
        ({"size": 40, "fit": "keep", "size_multiple": 16}, "multiples of 16"),
    ],
)
def test_settings_out_of_range(options, words):
    with pytest.raises(ValueError, match=words):
        ClipConfig(**options)
