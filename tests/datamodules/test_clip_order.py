from collections import Counter

import numpy as np
import pytest

from datamodules.clip_order import ClipOrder, Pool, alike, quotas, visited
from datamodules.clip_sampling import ClipConfig

SIZES = {0: (48, 80), 1: (60, 100), 2: (40, 40), 3: (90, 50), 4: (48, 80), 5: (48, 82)}


def order(*pools, num_clips, seed=0, config=None, size_of=None):
    pools = [Pool(f"p{i}", *pool) for i, pool in enumerate(pools)]
    return ClipOrder(pools, num_clips, seed, config or ClipConfig(), size_of)


def videos_of(clips, epoch):
    return [number % clips.num_videos for number in clips.numbers(epoch)]


def test_random_numbers_are_the_same_everywhere():
    # Frozen: a change here changes every training run.
    assert order((6,), num_clips=8).numbers(1) == [5, 0, 1, 3, 7, 11, 9, 2]
    mixed = order((4, 1.0), (2, 1.0), num_clips=6)
    assert mixed.numbers(0) == [2, 4, 10, 1, 5, 0]
    assert mixed.numbers(3) == [3, 4, 5, 0, 11, 2]


@pytest.mark.parametrize(("num_videos", "num_clips"), [(5, 5), (5, 3), (3, 11), (1, 4)])
def test_epoch_holds_each_clip_once_and_spreads_over_videos(num_videos, num_clips):
    clips = order((num_videos,), num_clips=num_clips)
    orders = [clips.numbers(epoch) for epoch in range(40)]
    for numbers in orders:
        assert len(set(numbers)) == len(numbers) == num_clips
        per_video = Counter(number % num_videos for number in numbers)
        assert max(per_video.values()) - min(per_video.get(v, 0) for v in range(num_videos)) <= 2
    if num_videos > 1:
        assert len({tuple(numbers) for numbers in orders}) > 10


@pytest.mark.parametrize("num_clips", [2, 5, 7, 12])
def test_no_video_comes_again_before_all_had_their_turn(num_clips):
    clips = order((5,), num_clips=num_clips)
    walk = [video for epoch in range(20) for video in videos_of(clips, epoch)]
    for first in range(0, len(walk) - 4, 5):
        assert set(walk[first : first + 5]) == set(range(5))


def test_walk_is_the_same_wherever_one_looks_at_it():
    whole = visited(7, first=0, num_clips=60, seed=3, pool_idx=2)
    assert [
        v for i in range(20) for v in visited(7, first=3 * i, num_clips=3, seed=3, pool_idx=2)
    ] == whole
    assert visited(7, first=0, num_clips=60, seed=3, pool_idx=1) != whole
    assert visited(7, first=0, num_clips=60, seed=4, pool_idx=2) != whole


def test_quotas_are_exact():
    rng = np.random.default_rng(0)
    for _ in range(200):
        shares = rng.uniform(0.1, 5, rng.integers(1, 7))
        num_clips = int(rng.integers(1, 300))
        found = quotas(shares.tolist(), num_clips)
        assert sum(found) == num_clips
        assert np.abs(np.array(found) - num_clips * shares / shares.sum()).max() < 1
    assert quotas([1, 1, 1], 10) == [4, 3, 3]
    assert quotas([1, 5, 4], 3) == [0, 2, 1]


@pytest.mark.parametrize("epoch", range(5))
def test_every_epoch_has_each_sources_quota(epoch):
    clips = order((10, 3.0), (4, 1.0), (90, 0.5), num_clips=50)
    assert clips.quotas == [33, 11, 6]
    by_pool = Counter(np.searchsorted([10, 14], videos_of(clips, epoch), side="right").tolist())
    assert by_pool == {0: 33, 1: 11, 2: 6}


def test_sources_without_weights_share_by_their_videos_and_are_mixed():
    clips = order((30,), (10,), num_clips=40)
    assert clips.quotas == [30, 10]
    places = [i for i, video in enumerate(videos_of(clips, 0)) if video >= 30]
    assert places[0] < 12
    assert places[-1] > 28


def test_a_source_that_would_never_come_is_refused():
    with pytest.raises(ValueError, match=r"source p1: no clip of the 10 .* raise its weight"):
        order((5, 1.0), (5, 0.01), num_clips=10)


@pytest.mark.parametrize("step", [1, 2, 3, 4])
@pytest.mark.parametrize("num_clips", [6, 17, 25])
def test_kept_aspects_come_in_steps_of_one_shape(step, num_clips):
    config = ClipConfig(size=24, fit="keep", size_multiple=8)
    clips = order((6,), num_clips=num_clips, config=config, size_of=SIZES.__getitem__)
    keys = clips.keys(1, step)
    assert len(keys) == num_clips // step * step
    assert {key.number for key in keys} <= set(clips.numbers(1))
    assert len({key.number for key in keys}) == len(keys)
    if step == 1:
        assert {key.size_hw for key in keys} == {None}
        return
    for first in range(0, len(keys), step):
        (size_hw,) = {key.size_hw for key in keys[first : first + step]}
        assert min(size_hw) == 24
        assert all(side % 8 == 0 for side in size_hw)


def test_only_leftovers_mix_shapes_and_then_by_aspect():
    config = ClipConfig(size=24, fit="keep", size_multiple=8)
    numbers = order((6,), num_clips=60).numbers(0)
    steps = alike(numbers, 4, config=config, size_of=lambda number: SIZES[number % 6])
    assert sorted(number for step in steps for number in step) == sorted(numbers)
    shapes = [{SIZES[number % 6] for number in step} for step in steps]
    wide = {(48, 80), (60, 100), (48, 82)}
    mixed = [shape for shape in shapes if not (shape <= wide or len(shape) == 1)]
    assert len(mixed) <= 2
    assert sum(shape <= wide for shape in shapes) == 10
    # 10 portrait and 10 square clips leave two of each over: one step, portrait and square.
    assert mixed == [{(90, 50), (40, 40)}]


def test_one_size_is_drawn_for_a_step():
    config = ClipConfig(size=32, sizes=(16, 32, 64))
    clips = order((6,), num_clips=300, config=config)
    keys = clips.keys(0, 3)
    drawn = [keys[first : first + 3] for first in range(0, 300, 3)]
    assert all(len({key.size_hw for key in step}) == 1 for step in drawn)
    counts = Counter(step[0].size_hw for step in drawn)
    assert set(counts) == {(16, 16), (32, 32), (64, 64)}
    assert min(counts.values()) > 20
    assert [key.number for key in keys] == clips.numbers(0), "the order itself is that of one size"
    assert [key.size_hw for key in clips.keys(1, 3)] != [key.size_hw for key in keys]


def test_sizes_of_kept_aspects():
    config = ClipConfig(size=24, fit="keep", sizes=(24, 48))
    keys = order((6,), num_clips=12, config=config, size_of=SIZES.__getitem__).keys(0, 1)
    for key in keys:
        height, width = SIZES[key.number % 6]
        size = min(key.size_hw)
        assert size in (24, 48)
        scale = size / min(height, width)
        assert key.size_hw == (round(height * scale), round(width * scale))


def test_identity_names_what_the_order_depends_on():
    plain = order((6,), num_clips=8).identity()
    assert plain == {"seed": 0, "videos": 6, "clips_per_epoch": 8}
    first = order((4, 1.0), (2, 1.0), num_clips=6).identity()
    assert first != order((4, 2.0), (2, 1.0), num_clips=6).identity()
    assert first != order((3, 1.0), (3, 1.0), num_clips=6).identity()
    sized = order((6,), num_clips=8, config=ClipConfig(sizes=(64, 128))).identity()
    assert sized.keys() - plain.keys() == {"sizes"}
