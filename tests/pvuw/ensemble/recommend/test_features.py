import math

import numpy as np
import psutil
import pytest

from pvuw.ensemble.recommend.features import FEATURE_NAMES, WINDOW_FRAMES, FeatureStream
from pvuw.sample.scene import generate_clip


def id_map(*boxes, size_hw=(40, 60)):
    ids = np.zeros(size_hw, dtype=np.uint8)
    for object_id, top, left, side in boxes:
        ids[top : top + side, left : left + side] = object_id
    return ids


def measured(maps, frames=None):
    stream = FeatureStream()
    for t, ids in enumerate(maps):
        stream.update(ids, None if frames is None else frames[t])
    return stream


def test_size_smallness_and_spread():
    video = measured([id_map((1, 0, 0, 20), (2, 30, 30, 4))] * 2).video()
    assert video.size == pytest.approx((20 + 4) / 2 / math.sqrt(40 * 60))
    assert video.small == 0.5  # 16 of 2400 pixels are less than 1 %
    assert video.size_spread == pytest.approx((math.log2(400) - math.log2(16)) / 2)
    assert video.objects == pytest.approx(math.log2(3))


def test_motion_is_in_frame_diagonals():
    stream = measured([id_map((1, 0, 6 * t, 8)) for t in range(4)])
    assert stream.video().motion == pytest.approx(0.75 * 6 / math.hypot(40, 60))


def test_absence_and_return_of_one_object_are_its_own():
    maps = [id_map((1, 0, 0, 8), (2, 20, 20, 8))] * 3 + [id_map((1, 0, 0, 8))] * 2
    stream = measured([*maps, maps[0]])
    assert stream.object(1).absent == stream.object(1).returned == 0
    assert stream.object(2).absent == pytest.approx(2 / 6)
    assert stream.object(2).returned == pytest.approx(1 / 6)
    assert stream.video().absent == pytest.approx(1 / 6)


def test_a_late_object_counts_from_its_first_frame():
    stream = measured([id_map((1, 0, 0, 8))] * 3 + [id_map((1, 0, 0, 8), (2, 20, 20, 8))])
    assert stream.object(2).objects == pytest.approx(math.log2(3))
    assert stream.object_ids == [1, 2]
    with pytest.raises(KeyError):
        stream.object(3)


def test_the_window_forgets():
    maps = [id_map((1, 0, 0, 20))] * 5 + [id_map((1, 0, 0, 10))] * WINDOW_FRAMES
    stream = measured(maps)
    assert stream.frame().size == pytest.approx(10 / math.sqrt(40 * 60))
    assert stream.frame().size < stream.video().size


def test_lookalikes_are_told_from_others():
    ids = id_map((1, 4, 4, 12), (2, 4, 18, 12), (3, 24, 40, 12))
    frame = np.full((40, 60, 3), 90, dtype=np.uint8)
    frame[(ids == 1) | (ids == 2)] = (200, 30, 30)
    frame[ids == 3] = (20, 60, 220)
    stream = measured([ids] * 2, [frame] * 2)
    assert stream.object(1).similarity > 0.99
    assert stream.object(3).similarity < 0.6
    assert stream.object(1).lookalike > 2 * stream.object(3).lookalike


def test_what_only_frames_tell_is_unknown_without_them():
    video = measured([id_map((1, 0, 0, 8), (2, 20, 20, 8))]).video()
    unknown = {name for name in FEATURE_NAMES if math.isnan(getattr(video, name))}
    assert unknown == {"texture", "clutter", "change", "similarity", "lookalike"}


def test_a_video_without_objects_has_features():
    video = measured([id_map()] * 2, np.full((2, 40, 60, 3), 7, dtype=np.uint8)).video()
    assert not np.isnan(video.vector).any()
    assert video.objects == video.size == video.texture == 0


def test_no_frame_no_features():
    for ask in (FeatureStream().video, FeatureStream().frame):
        with pytest.raises(ValueError, match="no frame was given"):
            ask()


def test_scene_features_hardly_depend_on_the_size_of_frames():
    clip = generate_clip(3, num_frames=3, size_hw=(180, 320))
    large, small = (
        measured(clip.id_maps, [f[::step, ::step] for f in clip.frames]).video() for step in (1, 2)
    )
    assert small.change == pytest.approx(large.change, rel=0.35)
    assert small.objects == large.objects


def test_memory_does_not_grow_with_the_video():
    clip = generate_clip(3, num_frames=4)
    stream = measured(clip.id_maps, clip.frames)
    before = psutil.Process().memory_info().rss
    for t in range(2000):
        stream.update(clip.id_maps[t % 4], clip.frames[t % 4])
    assert psutil.Process().memory_info().rss - before < 4 << 20
