import pytest

from pvuw.errors import DataError
from pvuw.sources import SourceSpec, open_source
from tests.pvuw.sources.layouts import assert_masks, box, ids_of, write_json, write_video

LEFT, RIGHT, SMALL = box(2, 2, 10, 10), box(4, 12, 20, 30), box(15, 0, 18, 3)


def write(root, split, videos, objects):
    base = root / split
    for video_id, id_maps in videos.items():
        write_video(base / "JPEGImages", base / "Annotations", video_id, id_maps)
    meta = {
        video_id: {
            "objects": {
                str(value): {"category": category, "frames": ["00000"]}
                for value, category in objects.items()
            }
        }
        for video_id in videos
    }
    return write_json(base / "meta.json", {"videos": meta})


def read(root, **options):
    return list(open_source(SourceSpec("youtube_vos", root, **options)).records())


def test_skipped_numbers_late_objects_and_classes(tmp_path):
    frames = {
        "00000": ids_of((2, LEFT)),
        "00005": ids_of((2, LEFT), (5, RIGHT)),
        "00015": ids_of((1, SMALL), (5, RIGHT)),
    }
    write(tmp_path, "train", {"003234408d": frames}, {1: "cat", 2: "dog", 5: "camel", 7: "ghost"})
    (record,) = read(tmp_path)
    assert record.frame_names == ("00000", "00005", "00015")
    assert [(i.object_id, i.source_id, i.category) for i in record.objects] == [
        (1, "1", "cat"),
        (2, "2", "dog"),
        (3, "5", "camel"),
    ]
    assert_masks(record, 0, {2: LEFT})
    assert_masks(record, 1, {2: LEFT, 3: RIGHT})
    assert_masks(record, 2, {1: SMALL, 3: RIGHT})
    assert not record.prompts_only


def test_validation_masks_introduce_objects(tmp_path):
    frames = {
        "00000": ids_of((1, LEFT)),
        "00005": None,
        "00010": ids_of((2, RIGHT)),
        "00015": None,
    }
    write(tmp_path, "valid", {"0062f687f1": frames}, {1: "swan", 2: "swan"})
    (record,) = read(tmp_path, split="valid")
    assert record.prompts_only
    assert record.annotated == (0, 2)
    assert_masks(record, 2, {2: RIGHT})


def test_meta_is_the_list_of_videos(tmp_path):
    path = write(tmp_path, "train", {"a": {"00000": ids_of((1, LEFT))}}, {1: "cat"})
    write_video(
        path.parent / "JPEGImages", path.parent / "Annotations", "b", {"00000": ids_of((1, LEFT))}
    )
    assert [record.video_id for record in read(tmp_path)] == ["a"]
    write_json(path, {"videos": {"a": {"objects": {}}, "zz": {"objects": {}}}})
    with pytest.raises(DataError, match="'zz' has no folder"):
        read(tmp_path)


def test_a_broken_meta_is_named(tmp_path):
    path = write(tmp_path, "train", {"a": {"00000": ids_of((1, LEFT))}}, {1: "cat"})
    write_json(path, {"videos": {"a": {"objects": {"1": {}}}}})
    with pytest.raises(DataError, match=r"meta\.json: video 'a', object '1': 'category' must be"):
        read(tmp_path)
    path.unlink()
    with pytest.raises(DataError, match=r"meta\.json: no such file"):
        read(tmp_path)
