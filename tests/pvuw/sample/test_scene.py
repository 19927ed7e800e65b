import hashlib
import time
import tracemalloc
from functools import cache

import numpy as np
import pytest

from pvuw.errors import DataError
from pvuw.sample.events import Absence, Cause, EventLog, Visibility
from pvuw.sample.scene import MIN_START_AREA, generate_clip, generate_video, plan_scene
from pvuw.sample.truth import draw_actors, stack, states

SIZE = (120, 216)
SEEDS = range(24)
NUM_FRAMES = 24


@cache
def truth(seed):
    """Id maps `[T, H, W]`, states per frame and absences of one video at half the default size."""
    cast = plan_scene(seed, SIZE).cast
    log, id_maps, history = EventLog(), [], []
    for index in range(NUM_FRAMES):
        drawn = draw_actors(cast, index)
        id_maps.append(stack(drawn, SIZE))
        history.append(states(drawn, id_maps[-1]))
        log.add(history[-1])
    return np.stack(id_maps), history, log.absences()


def checksum(clip):
    return hashlib.sha256(clip.frames.tobytes() + clip.id_maps.tobytes()).hexdigest()[:16]


# A change of these is a change of everybody's sample: raise manifest.GENERATOR with it.
FROZEN = {
    (0, (64, 96)): "7fb0bf615acdeef2",
    (1, (97, 131)): "5555cb94917d5d7b",
    (4_000_000_000, (120, 216)): "f5b5a7fbe7c6a10d",
}


@pytest.mark.parametrize(("seed", "size_hw"), FROZEN)
def test_frames_and_masks_are_frozen(seed, size_hw):
    clip = generate_clip(seed, num_frames=4, size_hw=size_hw)
    assert checksum(clip) == FROZEN[seed, size_hw]


def test_a_longer_video_begins_with_the_shorter_one():
    short, long = generate_clip(3, num_frames=2), generate_clip(3, num_frames=5)
    np.testing.assert_array_equal(short.frames, long.frames[:2])
    np.testing.assert_array_equal(short.id_maps, long.id_maps[:2])


def test_other_seeds_give_other_videos():
    sums = {checksum(generate_clip(seed, num_frames=1)) for seed in range(8)}
    assert len(sums) == 8


@pytest.mark.parametrize("size_hw", [(32, 32), (33, 47), (97, 131), (40, 300)])
def test_any_size_and_a_single_frame(size_hw):
    clip = generate_clip(2, num_frames=1, size_hw=size_hw)
    assert clip.frames.shape == (1, *size_hw, 3)
    assert clip.id_maps.shape == (1, *size_hw)
    assert clip.frames.dtype == clip.id_maps.dtype == np.uint8
    assert clip.id_maps.any()


def test_too_small_frames_are_refused():
    with pytest.raises(DataError, match=r"at least 32 32 .*, got 31 64; choose a larger size"):
        generate_clip(0, size_hw=(31, 64))


@pytest.mark.parametrize("seed", SEEDS)
def test_states_are_what_the_id_maps_show(seed):
    id_maps, history, _ = truth(seed)
    for id_map, shown in zip(id_maps, history, strict=True):
        seen = {object_id for object_id, state in shown.items() if state is Visibility.VISIBLE}
        assert set(np.unique(id_map).tolist()) - {0} == seen


@pytest.mark.parametrize("seed", SEEDS)
def test_recorded_events_happen_in_the_masks(seed):
    id_maps, history, absences = truth(seed)
    hidden = {(a.object_id, t) for a in absences for t in range(a.first_frame, a.last_frame + 1)}
    for object_id in history[0]:
        for index, id_map in enumerate(id_maps):
            assert (id_map == object_id).any() == ((object_id, index) not in hidden)
    for absence in absences:
        assert (absence.cause is Cause.LATE) == (absence.first_frame == 0)
        if absence.returned_at is None:
            assert absence.last_frame == NUM_FRAMES - 1
        else:
            assert absence.returned_at == absence.last_frame + 1
            assert (id_maps[absence.returned_at] == absence.object_id).any()


@pytest.mark.parametrize("seed", SEEDS)
def test_the_first_frame_shows_all_but_latecomers_and_one_of_fair_size(seed):
    id_maps, _, _ = truth(seed)
    late = {a.object_id for a in plan_scene(seed, SIZE).cast.actors if a.path.entry_frames}
    areas = np.bincount(id_maps[0].ravel(), minlength=256)[1:] / id_maps[0].size
    assert areas.max() >= MIN_START_AREA
    for object_id in plan_scene(seed, SIZE).cast.object_ids:
        assert (areas[object_id - 1] > 0) == (object_id not in late)


def happens(cause, *, returns):
    def matches(absence: Absence):
        return absence.cause is cause and (not returns or absence.returned_at is not None)

    return sum(any(map(matches, truth(seed)[2])) for seed in SEEDS) / len(SEEDS)


def test_the_hard_things_happen_often():
    assert happens(Cause.OCCLUDED, returns=True) > 0.4
    assert happens(Cause.LEFT, returns=True) > 0.3
    assert happens(Cause.LATE, returns=True) > 0.2


def test_copying_the_first_mask_fails():
    overlaps = []
    for seed in SEEDS:
        id_maps, _, _ = truth(seed)
        for object_id in set(np.unique(id_maps[0]).tolist()) - {0}:
            masks = id_maps == object_id
            union = (masks[1:] | masks[0]).sum(axis=(1, 2))
            overlaps.append(((masks[1:] & masks[0]).sum(axis=(1, 2)) / union).mean())
    assert np.mean(overlaps) < 0.3
    assert max(overlaps) > 0.3  # some objects are easy


def test_objects_move_less_than_their_length_from_frame_to_frame():
    steps = []
    for seed in SEEDS:
        scene = plan_scene(seed, SIZE)
        for actor in scene.cast.actors:
            if actor.object_id:
                places = np.array([actor.path.at(float(index)) for index in range(60)])
                steps.append(np.abs(np.diff(places, axis=0)).max() / (2 * actor.radius))
    assert max(steps) < 0.6
    assert 0.05 < np.median(steps) < 0.4


def test_memory_does_not_grow_with_the_video():
    def peak(num_frames):
        tracemalloc.start()
        for _ in generate_video(0, num_frames=num_frames, size_hw=(64, 96)):
            pass
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(40) < 1.1 * peak(5)


def test_a_clip_is_made_in_a_moment():
    generate_clip(0)
    times = []
    for seed in range(5):
        start = time.process_time()
        generate_clip(seed)
        times.append(time.process_time() - start)
    assert min(times) < 0.2  # 0.03 s on an idle core


def test_a_thermal_camera_sees_grey_inverted_and_the_same_masks():
    colour = next(generate_video(3, num_frames=1, size_hw=(64, 96)))
    thermal = next(generate_video(3, num_frames=1, size_hw=(64, 96), lens="thermal"))
    assert np.array_equal(thermal.id_map, colour.id_map)
    assert (thermal.frame == thermal.frame[..., :1]).all()
    bright = colour.frame.astype(float).mean(-1)
    assert np.corrcoef(bright.ravel(), thermal.frame[..., 0].ravel())[0, 1] < -0.7
    assert thermal.frame.std() < 0.8 * bright.std()


def test_calm_scenes_have_few_large_objects_that_stay():
    for seed in range(6):
        cast = plan_scene(seed, SIZE, scenes="calm").cast
        assert 2 <= len(cast.object_ids) <= 3
        assert not any(actor.path.entry_frames for actor in cast.actors)
        unit = (SIZE[0] * SIZE[1]) ** 0.5
        assert all(a.radius >= 0.12 * unit for a in cast.actors if a.object_id)
