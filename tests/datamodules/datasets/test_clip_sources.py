import numpy as np
import pytest

import pvuw.io.rle_masks
from datamodules.clip_sampling import ClipConfig, ClipKey
from datamodules.datasets.clip_sources import (
    clip_video,
    is_too_little,
    training_problem,
)
from datamodules.datasets.clips import ClipDataset
from pvuw.errors import DataError
from pvuw.sources import SourceSpec, open_source
from tests.datamodules.make import boxes, masks_of, moving, videos_of, write_ovis, write_video
from tests.pvuw.sources.layouts import box

LARGE, SMALL, TINY = box(2, 2, 20, 30), box(4, 4, 12, 12), box(5, 5, 8, 8)


def records_of(root, source="ovis", **options):
    return list(open_source(SourceSpec(source, root, **options)).records())


def clips_of(root, source="ovis"):
    return [clip_video(record) for record in records_of(root, source)]


def crowd(count, *, size_hw=(64, 64), num_frames=6):
    """Many small squares in a grid, none touching another."""
    side, masks = 8, {}
    for i in range(count):
        row, column = divmod(i, size_hw[1] // side)
        masks[i + 1] = box(
            side * row, side * column, side * row + 6, side * column + 6, size_hw=size_hw
        )
    return [masks] * num_frames


def test_both_kinds_of_source_say_the_same_of_the_same_video(tmp_path):
    id_maps = moving(5)
    write_video(tmp_path / "mose" / "train", "v", id_maps)
    write_ovis(tmp_path / "ovis", {"v": masks_of(id_maps)})
    (folder,) = videos_of(tmp_path / "mose" / "train")
    (record,) = records_of(tmp_path / "ovis")
    one, other = folder, clip_video(record)
    assert (one.video_id, other.video_id) == ("v", "ovis/v")
    assert list(one.annotations) == list(other.annotations) == list(range(5))
    assert one.size_hw == other.size_hw
    for t in range(5):
        assert (one.read_frame(t) == other.read_frame(t)).all()
        first, second = (v.annotations.read(t, v.size_hw) for v in (one, other))
        # Ids of the folder are 1 and 3, those of the record 1 and 2.
        assert np.array_equal(first.labels == 1, second.labels == second.ids.index(1) + 1)
        assert np.array_equal(first.labels == 3, second.labels == second.ids.index(2) + 1)
        assert first.void is second.void is None


def test_clips_from_annotation_files_are_those_of_mask_folders(tmp_path):
    id_maps = [m.copy() for m in moving(9, ids=(1, 2))]
    write_video(tmp_path / "mose" / "train", "v", id_maps)
    write_ovis(tmp_path / "ovis", {"v": masks_of(id_maps)})
    config = ClipConfig(
        num_frames=3, stride=(1, 3), size=20, fit="crop", flip_prob=0.5, reverse_prob=0.5,
        max_objects=1, look_alike_prob=0.5,
    )  # fmt: skip
    one = ClipDataset(videos_of(tmp_path / "mose" / "train"), config, seed=0)
    other = ClipDataset(clips_of(tmp_path / "ovis"), config, seed=0)
    for number in range(20):
        a, b = one[ClipKey(0, number)], other[ClipKey(0, number)]
        assert a.object_ids == b.object_ids
        assert a.frame_idx.tolist() == b.frame_idx.tolist()
        assert (a.frames == b.frames).all()
        assert (a.masks == b.masks).all()
        assert (a.seed, a.pixel_aspect) == (b.seed, b.pixel_aspect)


def test_chosen_objects_are_covered_by_smaller_ones_that_were_not_chosen(tmp_path):
    (id_maps,) = write_ovis(tmp_path, {"v": [{1: LARGE, 2: SMALL, 3: TINY}] * 4}).values()
    config = ClipConfig(num_frames=2, max_objects=1, size=24, fit="keep")
    dataset = ClipDataset(clips_of(tmp_path), config, seed=0)
    seen = set()
    for number in range(30):
        clip = dataset[ClipKey(0, number)]
        (object_id,) = clip.object_ids
        seen.add(object_id)
        for mask in clip.masks[:, 0]:
            assert np.array_equal(mask.numpy(), id_maps[0] == object_id)
    assert seen == {1, 2, 3}


@pytest.fixture
def decoded(monkeypatch):
    """The runs expanded to pixels since the start of the test."""
    found = []
    original = pvuw.io.rle_masks.filled_columns

    def counted(rle):
        found.append(rle)
        return original(rle)

    monkeypatch.setattr(pvuw.io.rle_masks, "filled_columns", counted)
    monkeypatch.setattr(pvuw.io.rle_masks, "decode", None)  # whole masks are never made
    return found


def test_of_a_crowd_only_the_chosen_objects_are_decoded(tmp_path, decoded):
    write_ovis(tmp_path, {"v": crowd(60)})
    config = ClipConfig(num_frames=6, max_objects=3, size=64)
    clip = ClipDataset(clips_of(tmp_path), config, seed=0)[0]
    assert clip.masks.shape == (6, 3, 64, 64)
    assert clip.masks.flatten(2).any(-1).all()
    # All 60 on the first frame, as one map, to know which can be seen; 3 on each of the others.
    assert len(decoded) == 60 + 5 * 3


def test_more_objects_than_a_map_holds_in_one_frame(tmp_path):
    write_ovis(tmp_path, {"v": crowd(300, size_hw=(160, 160), num_frames=2)})
    masks = clips_of(tmp_path)[0].annotations
    assert (masks.read(0, (160, 160), [299, 300]).labels > 0).sum() == 72
    with pytest.raises(DataError, match=r"video .*: 300 objects in frame 0, .* `exclude`"):
        masks.read(0, (160, 160))


def test_void_of_a_record(tmp_path):
    id_map = boxes((1, 2, 2, 6), (255, 12, 12, 6))
    base = tmp_path / "JPEGImages" / "480p"
    write_video(tmp_path / "plain", "v", [id_map] * 3)
    for kind in ("JPEGImages", "Annotations"):
        (tmp_path / kind).mkdir(exist_ok=True)
        (tmp_path / "plain" / kind).rename(tmp_path / kind / "480p")
    assert base.is_dir()
    sets = tmp_path / "ImageSets" / "2017"
    sets.mkdir(parents=True)
    (sets / "train.txt").write_text("v\n")
    clip = ClipDataset(
        clips_of(tmp_path, "davis_2017"), ClipConfig(num_frames=2, size=24, fit="keep"), seed=0
    )[0]
    assert clip.object_ids == [1]
    assert np.array_equal(clip.void[0].numpy(), id_map == 255)


def test_what_cannot_be_trained_on(tmp_path):
    write_ovis(tmp_path / "ovis", {"v": masks_of(moving(3))})
    (record,) = records_of(tmp_path / "ovis")
    assert training_problem(clip_video(record), 3) is None
    assert not is_too_little(record, 3)
    assert is_too_little(record, 4)
    assert "video ovis/v: 3 frames with a mask, a clip needs 4" in training_problem(
        clip_video(record), 4
    )
    write_video(tmp_path / "valid", "v", moving(3), masked={0})
    write_video(tmp_path / "train", "bare", moving(3), masked=set())
    write_video(tmp_path / "train", "fine", moving(3))
    (prompts,) = records_of(tmp_path, "mose", split="valid")
    assert "only introduce objects (valid)" in training_problem(clip_video(prompts), 1)
    bare, _ = videos_of(tmp_path / "train")
    assert not is_too_little(bare, 2), "a video without masks is an error, not just short"
    assert "no annotation mask" in training_problem(bare, 2)
