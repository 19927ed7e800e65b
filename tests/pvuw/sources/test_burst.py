import pickle

import numpy as np
import pytest

from pvuw.errors import DataError
from pvuw.io.mask_store import MaskQuality
from pvuw.sources import SourceSpec, open_source
from tests.pvuw.sources.layouts import (
    NOTHING,
    SIZE,
    assert_masks,
    bare,
    box,
    write_frames,
    write_json,
)

LEFT, RIGHT, SMALL = box(2, 2, 10, 10), box(4, 6, 20, 30), box(5, 7, 8, 9)
ALL = [f"frame{n:04d}.jpg" for n in range(1, 12)]
ANNOTATED = ["frame0001.jpg", "frame0006.jpg", "frame0011.jpg"]


def entry(mask, *, is_gt=True, score=1.0):
    return {"rle": bare(mask), "is_gt": is_gt, "score": score}


SEGMENTATIONS = [
    {"10": entry(RIGHT), "2": entry(LEFT)},
    {"10": entry(RIGHT, is_gt=False, score=0.4), "2": entry(NOTHING)},
    {"7": entry(SMALL, is_gt=False, score=0.9), "2": entry(LEFT, score=0.2)},
]


def sequence(segmentations=SEGMENTATIONS, *, name="v_1", dataset="HACS", **more):
    return {
        "width": SIZE[1],
        "height": SIZE[0],
        "id": 1,
        "seq_name": name,
        "dataset": dataset,
        "fps": 30,
        "all_image_paths": ALL,
        "annotated_image_paths": ANNOTATED,
        "neg_category_ids": [579],
        "not_exhaustive_category_ids": [382],
        "track_category_ids": {"2": 382, "10": 190},
        "segmentations": segmentations,
        **more,
    }


def write(root, *sequences, split="train", name="train.json", on_disk=ALL):
    for row in sequences:
        write_frames(root / "frames" / split / row["dataset"] / row["seq_name"], on_disk)
    categories = [{"id": 382, "name": "dog"}, {"id": 190, "name": "camel"}]
    content = {"sequences": list(sequences), "categories": categories, "split": split}
    return write_json(root / "annotations" / split / name, content)


def read(root, **options):
    return list(open_source(SourceSpec("burst", root, **options)).records())


def test_tracks_are_renumbered_by_their_ids_as_numbers(tmp_path):
    write(tmp_path, sequence())
    (record,) = read(tmp_path)
    assert record.video_id == "HACS_-_v_1"
    assert [(i.object_id, i.source_id, i.category) for i in record.objects] == [
        (1, "2", "dog"),
        (2, "7", None),
        (3, "10", "camel"),
    ]


def test_masks_take_the_size_of_the_sequence_and_a_missing_key_is_absence(tmp_path):
    write(tmp_path, sequence())
    (record,) = read(tmp_path)
    assert record.annotated == (0, 5, 10)
    assert_masks(record, 0, {1: LEFT, 3: RIGHT})
    assert_masks(record, 5, {3: RIGHT})
    assert_masks(record, 10, {1: LEFT, 2: SMALL})
    id_map = record.read_id_map(10)
    assert np.array_equal(id_map == 2, SMALL)
    assert np.array_equal(id_map == 1, LEFT & ~SMALL)


def test_propagated_masks_show_their_score(tmp_path):
    write(tmp_path, sequence())
    (record,) = read(tmp_path)
    assert record.has_quality
    assert record.qualities(0) == {1: MaskQuality(True, 1.0), 3: MaskQuality(True, 1.0)}
    assert record.qualities(5) == {3: MaskQuality(False, 0.4)}
    # A drawn mask counts fully, whatever its score.
    assert record.qualities(10) == {1: MaskQuality(True, 1.0), 2: MaskQuality(False, 0.9)}


def test_train_is_dense_and_val_sparse_and_neither_exhaustive(tmp_path):
    write(tmp_path, sequence())
    write(tmp_path, sequence(), split="val", name="all_classes.json")
    (train,), (val,) = read(tmp_path), read(tmp_path, split="val")
    assert (train.fps, val.fps) == (6.0, 1.0)
    assert not train.exhaustive
    assert not val.exhaustive
    # Every mask of val is drawn; its `is_gt` and `score` mean nothing (format description).
    assert not val.has_quality
    assert val.qualities(5) == {}
    assert not val.prompts_only


def test_all_classes_is_preferred_and_first_frames_come_last(tmp_path):
    write(tmp_path, sequence(), split="val", name="first_frame_annotations.json")
    (first,) = read(tmp_path, split="val")
    assert first.prompts_only
    write(tmp_path, sequence([{}, {}, {}]), split="val", name="all_classes.json")
    (full,) = read(tmp_path, split="val")
    assert not full.prompts_only
    assert full.objects == ()


def test_frames_without_masks_may_be_missing_on_disk(tmp_path):
    write(tmp_path, sequence(), on_disk=[*ANNOTATED, "frame0003.jpg", "notes.txt"][:4])
    (record,) = read(tmp_path)
    assert record.frame_names == ("frame0001", "frame0003", "frame0006", "frame0011")
    assert record.annotated == (0, 2, 3)
    assert_masks(record, 2, {3: RIGHT})
    assert record.objects[2].visible_bits == 0b0101


def test_a_missing_annotated_frame_is_named(tmp_path):
    write(tmp_path, sequence(), on_disk=ALL[:-1])
    with pytest.raises(DataError, match=r"frame0011\.jpg: no such frame, named by .*'v_1'"):
        read(tmp_path)
    assert read(tmp_path, exclude=["HACS_-_v_1"]) == []


def test_odd_names_become_one_folder_name_and_stay_apart(tmp_path):
    write(tmp_path, sequence(name="a b;c=1"), sequence(name="x/y"), sequence(dataset="BDD"))
    assert [r.video_id for r in read(tmp_path)] == ["HACS_-_a b;c=1", "HACS_-_x_y", "BDD_-_v_1"]
    write(tmp_path, sequence(name="x/y"), sequence(name="x_y"))
    with pytest.raises(DataError, match="two sequences are named 'HACS_-_x_y'"):
        read(tmp_path)


def test_old_files_without_ratings_say_so(tmp_path):
    bare_entries = [{track: {"rle": e["rle"]} for track, e in f.items()} for f in SEGMENTATIONS]
    write(tmp_path, sequence(bare_entries))
    (record,) = read(tmp_path)
    assert not record.has_quality
    assert record.qualities(0) == {}
    assert_masks(record, 0, {1: LEFT, 3: RIGHT})


def test_a_record_holds_a_byte_range_not_masks(tmp_path):
    write(tmp_path, sequence(name="other"), sequence())
    record = read(tmp_path)[1]
    stored = pickle.dumps(record)
    assert bare(RIGHT).encode() not in stored
    assert_masks(pickle.loads(stored), 0, {1: LEFT, 3: RIGHT})


def test_more_than_255_tracks_keep_their_masks(tmp_path):
    crowd = {str(i): entry(box(i % 20, i % 30, i % 20 + 1, i % 30 + 1)) for i in range(1000, 1300)}
    write(tmp_path, sequence([crowd, {}, {}]))
    (record,) = read(tmp_path)
    assert record.object_ids == tuple(range(1, 301))
    assert record.objects[-1].source_id == "1299"
    assert len(record.read_masks(0)) == 300
    with pytest.raises(DataError, match="300 objects, an id map holds 255"):
        record.read_id_map(0)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"annotated_image_paths": ANNOTATED[:2]}, "2 annotated images but masks for 3"),
        ({"all_image_paths": ALL[1:]}, r"'frame0001.jpg' is annotated but not among its images"),
        ({"height": None}, "'height' must be int, got NoneType"),
        ({"segmentations": None}, "'segmentations' must be list"),
    ],
)
def test_a_broken_sequence_is_named(tmp_path, more, words):
    path = write(tmp_path, sequence(**more))
    with pytest.raises(DataError, match=words) as error:
        read(tmp_path)
    assert str(error.value).startswith(f"{path}: sequence 'v_1': ")


def test_a_damaged_mask_is_named(tmp_path):
    damaged = {"2": {"rle": "31", "is_gt": True, "score": 1.0}}
    write(tmp_path, sequence([damaged, {}, {}]))
    (record,) = read(tmp_path)
    with pytest.raises(DataError, match="'v_1', track 2, annotated frame 0: damaged mask"):
        record.read_masks(0)


def test_the_expected_tree_is_shown(tmp_path):
    with pytest.raises(DataError, match=r"all_classes\.json: no such file \(nor .*train\.json"):
        read(tmp_path)
