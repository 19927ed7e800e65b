import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from datamodules.clip_order import Pool
from datamodules.clip_sampling import ClipConfig, ClipKey
from datamodules.datasets.clips import ClipDataset
from pvuw.errors import DataError
from pvuw.io.listing import VideoFolder, list_videos
from tests.datamodules.make import HEIGHT, boxes, moving, videos_of, write_video

SHARED = Path(__file__).parents[4] / "shared" / "data"


def same_clip(one, other):
    return (
        one.video_id == other.video_id
        and one.object_ids == other.object_ids
        and torch.equal(one.frames, other.frames)
        and torch.equal(one.masks, other.masks)
        and torch.equal(one.frame_idx, other.frame_idx)
    )


def interior(mask):
    """Pixels whose neighbours belong to the mask too, where resizing has mixed nothing in."""
    outside = torch.nn.functional.pad(~mask, (1, 1, 1, 1), value=True)
    return torch.nn.functional.max_pool2d(outside[None].float(), 3, stride=1)[0] == 0


def assert_aligned(clip):
    """Every mask lies on pixels painted in its object's grey."""
    looked = 0
    for slot, object_id in enumerate(clip.object_ids):
        for frame, mask in zip(clip.frames, clip.masks[:, slot], strict=True):
            inside = interior(mask)
            looked += int(inside.sum())
            if inside.any():
                assert abs(frame[0][inside].float().mean() - (60 + 20 * object_id)) < 4
    assert looked > 0


def test_exact_clip_at_stored_size(tmp_path):
    id_maps = moving(6)
    write_video(tmp_path, "v", id_maps)
    config = ClipConfig(num_frames=3, stride=2, size=HEIGHT, fit="keep")
    clip = ClipDataset(videos_of(tmp_path), config, seed=0)[0]
    start = int(clip.frame_idx[0])
    assert clip.frame_idx.tolist() == [start, start + 2, start + 4]
    assert clip.frame_idx.dtype == torch.int64
    assert clip.object_ids == [1, 3]
    assert clip.void is None
    assert clip.masks.dtype == torch.bool
    for step, position in enumerate(clip.frame_idx.tolist()):
        for slot, object_id in enumerate(clip.object_ids):
            truth = torch.from_numpy(id_maps[position] == object_id)
            assert torch.equal(clip.masks[step, slot], truth)
    assert_aligned(clip)


@pytest.mark.parametrize("fit", ["stretch", "crop", "keep"])
def test_masks_stay_on_their_objects(tmp_path, fit):
    id_maps = [
        boxes(
            *((i, 1 + 16 * row, 2 + 3 * t, 14) for row, i in enumerate((1, 4, 6))), size_hw=(48, 80)
        )
        for t in range(8)
    ]
    write_video(tmp_path, "v", id_maps)
    config = ClipConfig(num_frames=3, stride=(1, 3), size=24, fit=fit, flip_prob=0.5)
    dataset = ClipDataset(videos_of(tmp_path), config, seed=0)
    sizes = set()
    for number in range(30):
        clip = dataset[ClipKey(0, number)]
        assert_aligned(clip)
        assert clip.masks[0].flatten(1).any(1).all(), "every object is visible on the first frame"
        sizes.add(tuple(clip.frames.shape))
    assert sizes == {(3, 3, 24, 24 if fit != "keep" else 40)}


def test_flip_mirrors_whole_clips_in_the_asked_share(tmp_path):
    write_video(tmp_path, "v", moving(4, ids=(1,)))
    config = ClipConfig(num_frames=2, size=HEIGHT, fit="keep", flip_prob=0.25)
    dataset = ClipDataset(videos_of(tmp_path), config, seed=0)
    flips = 0
    for number in range(200):
        clip = dataset[ClipKey(0, number)]
        columns = [mask.any(0).nonzero()[:, 0].float().mean() for mask in clip.masks[:, 0]]
        flips += bool(columns[0] > 20)
        assert (columns[1] - columns[0] == 1) != (columns[0] > 20)
    assert 30 <= flips <= 70


def test_clips_depend_on_seed_epoch_and_number_alone(tmp_path):
    for number in range(3):
        write_video(tmp_path, f"v{number}", moving(12))
    config = ClipConfig(num_frames=2, stride=(1, 4), size=24, flip_prob=0.5)
    videos = videos_of(tmp_path)
    dataset = ClipDataset(videos, config, seed=1)
    keys = [ClipKey(epoch, number) for epoch in range(3) for number in range(6)]
    clips = {key: dataset[key] for key in keys}
    again = pickle.loads(pickle.dumps(ClipDataset(videos, config, seed=1)))
    assert all(same_clip(clips[key], again[key]) for key in reversed(keys))
    other_seed = ClipDataset(videos, config, seed=2)
    assert not all(same_clip(clips[key], other_seed[key]) for key in keys)
    assert all(clips[key].video_id == f"v{key.number % 3}" for key in keys)
    assert len({tuple(clips[key].frame_idx.tolist()) for key in keys}) > 6
    assert same_clip(dataset[4], clips[ClipKey(0, 4)])


def test_at_most_max_objects_drawn_from_the_first_frame(tmp_path):
    late = [boxes((1, 2, 2, 5), (2, 10, 2, 5), (7, 2, 20, 5))] * 2 + [boxes((9, 2, 2, 5))] * 2
    write_video(tmp_path, "v", late)
    config = ClipConfig(num_frames=4, max_objects=2, size=HEIGHT, fit="keep")
    dataset = ClipDataset(videos_of(tmp_path), config, seed=0)
    drawn = [dataset[ClipKey(0, number)] for number in range(60)]
    assert {tuple(clip.object_ids) for clip in drawn} == {(1, 2), (1, 7), (2, 7)}
    for clip in drawn:
        assert clip.masks.shape[1] == 2
        assert not clip.masks[2:].any(), "an object gone later keeps its slot, all False"


def test_empty_first_frames_and_late_objects(tmp_path):
    empty = boxes()
    write_video(tmp_path, "v", [empty, empty, boxes((5, 3, 3, 6)), boxes((5, 3, 4, 6)), empty])
    config = ClipConfig(num_frames=2, size=HEIGHT, fit="keep")
    dataset = ClipDataset(videos_of(tmp_path), config, seed=0)
    starts = {int(dataset[ClipKey(0, number)].frame_idx[0]) for number in range(30)}
    assert starts == {2, 3}


def test_video_without_objects_is_named_once_and_replaced_by_the_next(tmp_path):
    write_video(tmp_path, "a", [boxes()] * 3)
    write_video(tmp_path, "b", moving(3))
    dataset = ClipDataset(videos_of(tmp_path), ClipConfig(num_frames=2, size=24), seed=0)
    with pytest.warns(UserWarning, match="video a: .*leave this one out") as caught:
        clips = [dataset[ClipKey(epoch, 0)] for epoch in range(5)]
    assert len(caught) == 1
    assert {clip.video_id for clip in clips} == {"b"}


def test_no_object_in_any_video(tmp_path):
    for video_id in "ab":
        write_video(tmp_path, video_id, [boxes()] * 3)
    dataset = ClipDataset(videos_of(tmp_path), ClipConfig(num_frames=2, size=24), seed=0)
    with (
        warnings.catch_warnings(action="ignore"),
        pytest.raises(DataError, match="none of the 2 training videos shows an object"),
    ):
        dataset[0]


def test_object_too_small_for_the_training_size_is_not_drawn(tmp_path):
    write_video(tmp_path, "v", [boxes((1, 1, 1, 1), (2, 8, 8, 12))] * 3)
    config = ClipConfig(num_frames=2, size=6)
    dataset = ClipDataset(videos_of(tmp_path), config, seed=0)
    assert {tuple(dataset[number].object_ids) for number in range(20)} == {(2,)}


def test_crop_shows_an_object_of_the_first_frame_wherever_it_is(tmp_path):
    corner = boxes((4, 23, 39, 1), (9, 0, 0, 3))
    write_video(tmp_path, "v", [corner] * 2)
    config = ClipConfig(num_frames=2, size=HEIGHT, fit="crop")
    dataset = ClipDataset(videos_of(tmp_path), config, seed=0)
    seen = set()
    for number in range(40):
        clip = dataset[ClipKey(0, number)]
        assert clip.frames.shape[-2:] == (24, 24)
        assert clip.masks[0].flatten(1).any(1).all()
        seen.update(clip.object_ids)
    assert seen == {4, 9}


def test_only_frames_with_masks_are_used(tmp_path):
    write_video(tmp_path, "v", moving(10), masked={0, 3, 6, 9})
    config = ClipConfig(num_frames=2, size=HEIGHT, fit="keep")
    dataset = ClipDataset(videos_of(tmp_path), config, seed=0)
    found = {tuple(dataset[ClipKey(0, number)].frame_idx.tolist()) for number in range(40)}
    assert found == {(0, 3), (3, 6), (6, 9)}
    assert_aligned(dataset[0])


def test_clips_that_run_backwards(tmp_path):
    id_maps = moving(6)
    write_video(tmp_path, "v", id_maps)
    config = ClipConfig(num_frames=3, size=HEIGHT, fit="keep", reverse_prob=0.5)
    dataset = ClipDataset(videos_of(tmp_path), config, seed=0)
    steps = set()
    for number in range(30):
        clip = dataset[ClipKey(0, number)]
        steps.update(clip.frame_idx.diff().tolist())
        for step, position in enumerate(clip.frame_idx.tolist()):
            truth = torch.from_numpy(id_maps[position] == clip.object_ids[0])
            assert torch.equal(clip.masks[step, 0], truth)
        assert_aligned(clip)
    assert steps == {1, -1}


def test_objects_that_look_alike_come_together_in_the_asked_share(tmp_path):
    # The grey of an object follows from its id: 1 and 2 are near each other, 8 and 9 are.
    row = boxes(*((i, 4, 2 + 9 * slot, 7) for slot, i in enumerate((1, 8, 2, 9))))
    write_video(tmp_path, "v", [row] * 3)
    shares = {}
    for prob in (0.0, 0.5, 1.0):
        config = ClipConfig(
            num_frames=2, size=HEIGHT, fit="keep", max_objects=2, look_alike_prob=prob
        )
        dataset = ClipDataset(videos_of(tmp_path), config, seed=0)
        pairs = [tuple(dataset[ClipKey(0, number)].object_ids) for number in range(90)]
        shares[prob] = sum(pair in {(1, 2), (8, 9)} for pair in pairs) / 90
    assert 0.2 < shares[0.0] < 0.5, "a third of all pairs"
    assert 0.5 < shares[0.5] < 0.85
    assert shares[1.0] == 1


@pytest.mark.parametrize(
    ("fit", "size_hw", "shape"),
    [
        ("stretch", (32, 32), (32, 32)),
        ("crop", (32, 32), (32, 32)),
        ("keep", (32, 48), (32, 48)),
        ("keep", None, (16, 27)),
    ],
)
def test_shape_of_the_step_decides(tmp_path, fit, size_hw, shape):
    id_maps = [boxes((1, 4, 4, 20), (5, 26, 40, 20), size_hw=(48, 80))] * 4
    write_video(tmp_path, "v", id_maps)
    config = ClipConfig(num_frames=2, size=16, sizes=(16, 32), fit=fit)
    dataset = ClipDataset(videos_of(tmp_path), config, seed=0)
    for number in range(10):
        clip = dataset[ClipKey(0, number, size_hw)]
        assert clip.frames.shape[-2:] == clip.masks.shape[-2:] == shape
        assert clip.masks[0].flatten(1).any(1).all()
        assert_aligned(clip)
        scene = 1.0 if fit == "crop" else (80 / shape[1]) / (48 / shape[0])
        assert clip.pixel_aspect == pytest.approx(scene, rel=0.02)


def test_pools_use_their_own_videos_and_stride(tmp_path):
    for video_id in ("a0", "a1", "b0", "b1", "b2"):
        write_video(tmp_path, video_id, moving(13))
    pools = [Pool("a", 2, 1.0), Pool("b", 3, 1.0, stride_factor=4)]
    config = ClipConfig(num_frames=3, stride=(1, 2), size=24, fit="keep", clips_per_epoch=8)
    dataset = ClipDataset(videos_of(tmp_path), config, seed=0, pools=pools)
    assert dataset.order().quotas == [4, 4]
    steps = {"a": set(), "b": set()}
    for key in (key for epoch in range(6) for key in dataset.order().keys(epoch, 1)):
        clip = dataset[key]
        steps[clip.video_id[0]].add(int(clip.frame_idx.diff().unique()))
    assert steps["a"] == {1, 2}
    assert steps["b"] == {4, 5, 6}, "4 to 8, and 6 is the longest that fits"


def test_video_without_objects_is_replaced_by_one_of_its_pool(tmp_path):
    for video_id in ("a0", "a1", "b0", "b1"):
        write_video(tmp_path, video_id, [boxes()] * 3 if video_id == "a1" else moving(3))
    pools = [Pool("a", 2), Pool("b", 2)]
    config = ClipConfig(num_frames=2, size=24)
    dataset = ClipDataset(videos_of(tmp_path), config, seed=0, pools=pools)
    with pytest.warns(UserWarning, match="video a1"):
        found = {dataset[ClipKey(0, number)].video_id for number in (0, 1)}
    assert found == {"a0"}


def test_void_pixels_are_no_object_and_reported(tmp_path):
    id_map = boxes((1, 2, 2, 6), (255, 12, 12, 6))
    write_video(tmp_path, "v", [id_map] * 3)
    config = ClipConfig(num_frames=2, size=HEIGHT, fit="keep")
    clip = ClipDataset(videos_of(tmp_path, void_id=255), config, seed=0)[0]
    assert clip.object_ids == [1]
    assert torch.equal(clip.void, torch.from_numpy(id_map == 255).expand(2, -1, -1))
    plain = ClipDataset(videos_of(tmp_path, void_id=None), config, seed=0)[0]
    assert plain.object_ids == [1, 255]
    assert plain.void is None


def test_void_on_some_frames_of_a_clip(tmp_path):
    maps = [boxes((1, 2, 2, 6)), boxes((1, 2, 2, 6), (255, 12, 12, 6)), boxes((1, 2, 2, 6))]
    write_video(tmp_path, "v", maps)
    config = ClipConfig(num_frames=3, size=HEIGHT, fit="keep")
    clip = ClipDataset(videos_of(tmp_path), config, seed=0)[0]
    assert clip.object_ids == [1]
    assert torch.equal(clip.void, torch.from_numpy(np.stack(maps) == 255))


def test_broken_short_and_bare_videos_are_listed_before_training(tmp_path):
    write_video(tmp_path, "fine", moving(4))
    write_video(tmp_path, "short", moving(1))
    write_video(tmp_path, "sparse", moving(9), masked={0, 4})
    config = ClipConfig(num_frames=3, size=24)
    with pytest.raises(DataError) as error:
        ClipDataset(videos_of(tmp_path), config, seed=0)
    lines = str(error.value).splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("video short: 1 frames with a mask, a clip needs 3; leave it out")
    assert lines[1].startswith("video sparse: 2 frames with a mask")
    write_video(tmp_path, "bare", moving(4), masked=set())
    with pytest.raises(DataError, match="bare: no annotation mask"):
        ClipDataset(videos_of(tmp_path), config, seed=0)


def test_unreadable_files_surface(tmp_path):
    write_video(tmp_path, "v", moving(2))
    (tmp_path / "JPEGImages/v/00001.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"00001\.png: empty file"):
        ClipDataset(videos_of(tmp_path), ClipConfig(num_frames=2, size=24), seed=0)[0]


def test_epoch_length(tmp_path):
    for number in range(3):
        write_video(tmp_path, f"v{number}", moving(3))
    videos = videos_of(tmp_path)
    assert len(ClipDataset(videos, ClipConfig(num_frames=2, size=24), seed=0)) == 3
    config = ClipConfig(num_frames=2, size=24, clips_per_epoch=50)
    assert len(ClipDataset(videos, config, seed=0)) == 50


@pytest.mark.skipif(not SHARED.exists(), reason="needs the shared sample data")
def test_real_crowd_with_gaps_in_ids():
    root = SHARED / "moselike_composite"
    videos = list_videos(VideoFolder(root / "JPEGImages", annotations=root / "Annotations"))
    config = ClipConfig(num_frames=4, stride=(1, 5), max_objects=5, size=256, fit="crop")
    dataset = ClipDataset(videos, config, seed=0)
    known = {"swans": set(range(1, 5)), "small_herd": {1, 2, 4, 5, 7, 8, 11, 12, 13, 20, 30}}
    for number in range(12):
        clip = dataset[ClipKey(0, number)]
        assert clip.frames.shape == (4, 3, 256, 256)
        assert set(clip.object_ids) <= known[clip.video_id]
        assert 1 <= len(clip.object_ids) <= 5
        assert clip.masks[0].flatten(1).any(1).all()
        assert np.diff(clip.frame_idx).min() >= 1
