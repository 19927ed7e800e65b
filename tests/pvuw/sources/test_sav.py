import numpy as np
import pytest

from pvuw.errors import DataError
from pvuw.sources import SourceSpec, open_source
from tests.pvuw.sources.layouts import (
    NOTHING,
    assert_masks,
    box,
    ids_of,
    write_frames,
    write_ids,
)

LEFT, RIGHT, SMALL = box(2, 2, 10, 10), box(4, 6, 20, 30), box(5, 7, 8, 9)
FRAMES = [f"{n:05d}.jpg" for n in range(9)]


def write(base, video_id, objects):
    write_frames(base / "JPEGImages_24fps" / video_id, FRAMES)
    for name, masks in objects.items():
        folder = base / "Annotations_6fps" / video_id / name
        write_ids(folder, {f"{n:05d}.png": ids_of((1, mask)) for n, mask in masks.items()})
    ids = sorted(folder.name for folder in (base / "JPEGImages_24fps").iterdir())
    (base / "sav_val.txt").write_text("\n".join(ids))


OBJECTS = {
    "000": {0: LEFT, 4: LEFT, 8: NOTHING},
    "002": {4: RIGHT, 8: RIGHT},
    "003": {0: SMALL, 4: SMALL, 8: SMALL},
    "005": {0: NOTHING, 4: NOTHING, 8: NOTHING},
}


def read(root, **options):
    return list(open_source(SourceSpec("sav", root, split="val", **options)).records())


@pytest.mark.parametrize("nested", ["", "sav_val"])
def test_objects_overlap_and_every_fourth_frame_is_annotated(tmp_path, nested):
    write(tmp_path / nested, "sav_900001", OBJECTS)
    (record,) = read(tmp_path)
    assert record.num_frames == 9
    assert record.annotated == (0, 4, 8)
    assert [(i.object_id, i.source_id) for i in record.objects] == [
        (1, "000"),
        (2, "002"),
        (3, "003"),
    ]
    assert_masks(record, 0, {1: LEFT, 3: SMALL})
    assert_masks(record, 4, {1: LEFT, 2: RIGHT, 3: SMALL})
    assert_masks(record, 8, {2: RIGHT, 3: SMALL})
    id_map = record.read_id_map(4)
    assert np.array_equal(id_map == 3, SMALL)
    assert np.array_equal(id_map == 1, LEFT & ~SMALL)
    assert record.fps == 6


def test_masks_of_another_size_are_resized_and_said_so(tmp_path):
    write(tmp_path, "sav_900001", {"000": {0: LEFT}})
    write_frames(tmp_path / "JPEGImages_24fps" / "sav_900001", FRAMES, size_hw=(48, 64))
    (record,) = read(tmp_path)
    with pytest.warns(UserWarning, match="masks are 32x24, the image 64x48"):
        assert record.regions(0)[1].area == 4 * np.count_nonzero(LEFT)


def test_only_listed_videos_are_read(tmp_path):
    for name in ("sav_2", "sav_1"):
        write(tmp_path, name, OBJECTS)
    assert [record.video_id for record in read(tmp_path)] == ["sav_1", "sav_2"]
    assert [record.video_id for record in read(tmp_path, exclude=["sav_1"])] == ["sav_2"]
    (tmp_path / "sav_val.txt").write_text("sav_2\n")
    assert [record.video_id for record in read(tmp_path)] == ["sav_2"]
    (tmp_path / "sav_val.txt").unlink()
    with pytest.raises(DataError, match=r"sav_val\.txt: no such file"):
        read(tmp_path)


def test_stray_masks_and_missing_folders_are_named(tmp_path):
    write(tmp_path, "sav_1", {"000": {0: LEFT, 12: LEFT}})
    with pytest.raises(DataError, match=r"000/00012\.png: mask of a frame that does not exist"):
        read(tmp_path)
    write(tmp_path, "sav_0", {})
    with pytest.raises(DataError, match=r"Annotations_6fps/sav_0: no such folder"):
        read(tmp_path)
    (tmp_path / "Annotations_6fps" / "sav_0").mkdir()
    with pytest.raises(DataError, match="sav_0: holds no masks"):
        read(tmp_path)
