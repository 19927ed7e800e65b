from collections import Counter

import numpy as np
import pytest

from datamodules.clip_sampling import (
    ClipConfig,
    ClipKey,
    ClipSampler,
    StartPoint,
    draw_clip,
    epoch_order,
)


def rng(number=0):
    return np.random.default_rng(number)


def draws(config, *, num_usable, visible=lambda _: [1], count=200):
    return [draw_clip(rng(i), config, num_usable=num_usable, visible=visible) for i in range(count)]


def sampler(num_videos, *, num_clips=None, batch_size=1, **options):
    return ClipSampler(
        range(num_clips or num_videos), num_videos, batch_size=batch_size, seed=3, **options
    )


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
    assert epoch_order(6, num_clips=8, seed=0, epoch=1) == [2, 4, 5, 0, 1, 3, 9, 8]
    assert ClipKey(2, 5).rng(7).integers(0, 1000, 4).tolist() == [51, 344, 527, 915]


@pytest.mark.parametrize(("num_videos", "num_clips"), [(5, 5), (5, 3), (3, 11), (1, 4)])
def test_epoch_holds_each_clip_once_and_spreads_over_videos(num_videos, num_clips):
    orders = [epoch_order(num_videos, num_clips=num_clips, seed=0, epoch=e) for e in range(40)]
    for order in orders:
        assert len(set(order)) == len(order) == num_clips
        per_video = Counter(number % num_videos for number in order)
        assert max(per_video.values()) - min(per_video.values()) <= 1
    assert {number % num_videos for order in orders for number in order} == set(range(num_videos))
    if num_videos > 1:
        assert len({tuple(order) for order in orders}) > 10


@pytest.mark.parametrize("world_size", [1, 2, 3, 4])
@pytest.mark.parametrize("batch_size", [1, 2])
def test_processes_share_an_epoch_without_overlap(world_size, batch_size):
    shares = [
        list(sampler(13, batch_size=batch_size, rank=rank, world_size=world_size))
        for rank in range(world_size)
    ]
    assert {len(share) for share in shares} == {13 // (world_size * batch_size) * batch_size}
    everything = [key for share in shares for key in share]
    assert len(set(everything)) == len(everything)
    # Step by step the processes together train on what one process would with a larger batch.
    step = world_size * batch_size
    alone = list(sampler(13, batch_size=step))
    for number in range(len(alone) // step):
        together = [
            key
            for share in shares
            for key in share[number * batch_size : (number + 1) * batch_size]
        ]
        assert set(together) == set(alone[number * step : (number + 1) * step])


def test_epochs_differ_and_repeat():
    clips = sampler(9)
    first = list(clips)
    clips.set_epoch(1)
    second = list(clips)
    assert [key.epoch for key in second] == [1] * 9
    assert [key.number for key in first] != [key.number for key in second]
    clips.set_epoch(0)
    assert list(clips) == first


def test_resumed_epoch_skips_what_is_done_but_keeps_its_length():
    whole = sampler(10, batch_size=2)
    whole.set_epoch(4)
    resumed = sampler(10, batch_size=2, start=StartPoint(4, 3))
    assert list(resumed) == list(whole)[6:]
    assert list(resumed) == list(whole)[6:]
    assert len(resumed) == len(whole) == 10
    for clips in (whole, resumed):
        clips.set_epoch(5)
    assert list(resumed) == list(whole)


def test_epoch_counter_behind_the_start_does_not_repeat_an_epoch():
    clips = sampler(5, start=StartPoint(3, 0), current_epoch=lambda: 2)
    assert {key.epoch for key in clips} == {3}


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
    ],
)
def test_settings_out_of_range(options, words):
    with pytest.raises(ValueError, match=words):
        ClipConfig(**options)
