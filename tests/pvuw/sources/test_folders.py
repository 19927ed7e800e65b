import os
import pickle
import warnings

import numpy as np
import pytest
from PIL import Image

from pvuw.errors import DataError
from pvuw.io.masks import write_id_map
from pvuw.sources import SourceSpec
from pvuw.sources.folders import values_in
from pvuw.sources.index import load_records
from pvuw.sources.mose import V1, V2, MoseReader
from tests.pvuw.sources.layouts import (
    SIZE,
    assert_masks,
    box,
    ids_of,
    write_frames,
    write_ids,
    write_video,
)

LEFT, RIGHT, SMALL = box(2, 2, 10, 10), box(4, 12, 20, 30), box(15, 0, 18, 3)


@pytest.fixture
def train(tmp_path):
    base = tmp_path / "train"

    def write(video_id, id_maps):
        write_video(base / "JPEGImages", base / "Annotations", video_id, id_maps)

    return write


def read(root, **options):
    return list(MoseReader(V1, root, **options).records())


def test_ids_with_gaps_and_late_objects_are_renumbered_in_order_of_their_values(tmp_path, train):
    train(
        "ab12cd34",
        {
            "00000": ids_of((30, LEFT), (200, RIGHT)),
            "00001": ids_of((4, SMALL), (200, RIGHT)),
            "00002": ids_of((4, SMALL), (30, LEFT)),
        },
    )
    (record,) = read(tmp_path)
    assert [(info.object_id, info.source_id) for info in record.objects] == [
        (1, "4"),
        (2, "30"),
        (3, "200"),
    ]
    assert_masks(record, 0, {2: LEFT, 3: RIGHT})
    assert_masks(record, 1, {1: SMALL, 3: RIGHT})
    assert_masks(record, 2, {1: SMALL, 2: LEFT})
    assert np.array_equal(record.read_id_map(1) == 3, RIGHT)
    assert [info.visible_bits for info in record.objects] == [0b110, 0b101, 0b011]


def test_an_empty_frame_is_annotated_and_shows_nothing(tmp_path, train):
    train("v", {"00000": ids_of((1, LEFT)), "00001": ids_of()})
    (record,) = read(tmp_path)
    assert record.annotated == (0, 1)
    assert_masks(record, 1, {})


def test_a_video_without_any_object_is_listed_with_none(tmp_path, train):
    train("v", {"00000": ids_of(), "00001": ids_of()})
    (record,) = read(tmp_path)
    assert record.objects == ()
    assert record.object_ids == ()


def test_a_video_of_one_frame_is_listed(tmp_path, train):
    train("v", {"00000": ids_of((1, LEFT))})
    (record,) = read(tmp_path)
    assert record.num_frames == 1
    assert not record.prompts_only


def test_masks_of_another_size_are_resized_and_said_so(tmp_path):
    base = tmp_path / "train"
    write_frames(base / "JPEGImages" / "v", ["00000.jpg"], size_hw=(48, 64))
    write_ids(base / "Annotations" / "v", {"00000.png": ids_of((5, LEFT))})
    (record,) = read(tmp_path)
    assert record.size_hw == (48, 64)
    with pytest.warns(UserWarning, match="masks are 32x24, the image 64x48"):
        masks = record.read_masks(0)
    assert np.array_equal(masks[1], LEFT.repeat(2, axis=0).repeat(2, axis=1))


def test_a_video_of_another_size_warns_once_not_for_each_frame(tmp_path, recwarn):
    base, names = tmp_path / "train", [f"{t:05d}" for t in range(4)]
    write_frames(base / "JPEGImages" / "v", [f"{n}.jpg" for n in names], size_hw=(48, 64))
    write_ids(base / "Annotations" / "v", {f"{n}.png": ids_of((5, LEFT)) for n in names})
    (record,) = read(tmp_path)
    warnings.simplefilter("default")
    for t in record.annotated:
        record.read_masks(t)
    assert len(recwarn) == 1


def test_a_palette_of_few_bits_keeps_its_ids(tmp_path, train):
    train("v", {"00000": None})
    ids = ids_of((1, LEFT), (3, RIGHT))
    image = Image.fromarray(ids, mode=None)
    image.putpalette(bytes(12))
    path = tmp_path / "train" / "Annotations" / "v" / "00000.png"
    path.parent.mkdir(parents=True)
    image.save(path, bits=2)
    assert path.read_bytes()[24] == 2
    (record,) = read(tmp_path)
    assert_masks(record, 0, {1: LEFT, 2: RIGHT})


def test_videos_are_sorted_and_can_be_left_out(tmp_path, train):
    for name in ("b", "a", "c"):
        train(name, {"00000": ids_of((1, LEFT))})
    assert [record.video_id for record in read(tmp_path)] == ["a", "b", "c"]
    assert [record.video_id for record in read(tmp_path, exclude=["b"])] == ["a", "c"]
    assert read(tmp_path, exclude=["a", "b/", " c"]) == []


def test_an_excluded_id_that_is_not_there_is_named(tmp_path, train):
    train("a", {"00000": ids_of((1, LEFT))})
    with pytest.warns(UserWarning, match="`exclude` names B, but mose train has no such video"):
        assert [record.video_id for record in read(tmp_path, exclude=["B"])] == ["a"]


def test_a_record_survives_pickling(tmp_path, train):
    train("v", {"00000": ids_of((9, LEFT))})
    (record,) = read(tmp_path)
    copy = pickle.loads(pickle.dumps(record))
    assert copy == record
    assert_masks(copy, 0, {1: LEFT})


def test_a_video_without_masks_is_named(tmp_path, train):
    train("v", {"00000": None})
    (tmp_path / "train" / "Annotations").mkdir()
    with pytest.raises(DataError, match="v: no annotation mask"):
        read(tmp_path)


def test_a_mask_without_a_frame_is_named(tmp_path, train):
    train("v", {"00000": ids_of((1, LEFT))})
    write_ids(tmp_path / "train" / "Annotations" / "v", {"00007.png": ids_of((1, LEFT))})
    with pytest.raises(DataError, match=r"00007\.png: mask of a frame that does not exist"):
        read(tmp_path)


def test_a_damaged_mask_is_named(tmp_path, train):
    train("v", {"00000": ids_of((1, LEFT))})
    path = tmp_path / "train" / "Annotations" / "v" / "00000.png"
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match=r"v/00000\.png"):
        read(tmp_path)


def test_a_missing_folder_is_named_with_the_expected_tree(tmp_path):
    with pytest.raises(DataError, match=r"train/JPEGImages: no such folder; expected <root>"):
        read(tmp_path)


def test_the_stamp_of_a_video_changes_with_its_files(tmp_path, train):
    train("a", {"00000": ids_of((1, LEFT))})
    train("b", {"00000": ids_of((1, LEFT))})
    before = MoseReader(V1, tmp_path).stamps()
    folder = tmp_path / "train" / "Annotations" / "a"
    os.utime(folder, ns=(1, 1))
    after = MoseReader(V1, tmp_path).stamps()
    assert before["a"] != after["a"]
    assert before["b"] == after["b"]


def test_the_first_mask_alone_is_a_prompt(tmp_path):
    base = tmp_path / "valid"
    write_video(
        base / "JPEGImages",
        base / "Annotations",
        "v",
        {"00000": ids_of((1, LEFT), (3, RIGHT)), "00001": None, "00002": None},
    )
    (record,) = read(tmp_path, split="valid")
    assert record.annotated == (0,)
    assert record.num_frames == 3
    assert record.prompts_only
    with pytest.raises(ValueError, match="annotated frame"):
        record.read_masks(1)


def test_both_versions_and_a_build_without_split_folder_are_read(tmp_path):
    write_video(
        tmp_path / "JPEGImages", tmp_path / "Annotations", "v", {"00000": ids_of((1, LEFT))}
    )
    for facts, name in ((V1, "mose"), (V2, "mose_v2")):
        (record,) = MoseReader(facts, tmp_path).records()
        assert (record.source, record.split) == (name, "train")
        assert "CC BY-NC-SA 4.0" in record.licence


def test_values_are_those_of_numpy():
    rng = np.random.default_rng(0)
    for top in (1, 5, 255):
        ids = rng.integers(0, top + 1, SIZE, dtype=np.uint8)
        assert values_in(ids) == [v for v in np.unique(ids).tolist() if v]


def test_a_mask_corrected_in_place_is_noticed(tmp_path, train):
    train("a", {"00000": ids_of((1, LEFT))})
    (before,) = load_records(SourceSpec("mose", tmp_path), cache_dir=tmp_path / "i", workers=1)
    folder = tmp_path / "train" / "Annotations" / "a"
    time_of_folder = folder.stat().st_mtime_ns
    write_id_map(tmp_path / "new.png", ids_of((1, LEFT), (5, RIGHT)))
    (folder / "00000.png").write_bytes((tmp_path / "new.png").read_bytes())
    assert folder.stat().st_mtime_ns == time_of_folder  # which is why it alone does not tell
    (after,) = load_records(SourceSpec("mose", tmp_path), cache_dir=tmp_path / "i", workers=1)
    assert [info.source_id for info in before.objects] == ["1"]
    assert [info.source_id for info in after.objects] == ["1", "5"]


def test_a_video_on_a_disk_that_is_not_mounted_is_named(tmp_path, train):
    train("a", {"00000": ids_of((1, LEFT))})
    (tmp_path / "train" / "JPEGImages" / "b").symlink_to("/not/mounted/b")
    with pytest.raises(DataError, match="JPEGImages/b: link to /not/mounted/b, which is not there"):
        read(tmp_path)
