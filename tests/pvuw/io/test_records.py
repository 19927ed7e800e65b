import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pvuw.errors import DataError
from pvuw.io.mask_store import MaskStore, Region, paint_id_map
from pvuw.io.png_masks import PngMasks
from pvuw.io.records import ObjectInfo, VideoRecord

SIZE = (6, 8)


class Boxes(MaskStore):
    """Object `i` is a box at column `i`, a row longer each frame; 0 and 2 have masks."""

    def __init__(self, ids):
        self.ids = ids

    def positions(self):
        return (0, 2)

    def stored_size_hw(self, frame_idx):
        return None

    def place(self, frame_idx):
        return f"frame {frame_idx}"

    def masks(self, frame_idx, size_hw):
        found = {}
        for i in self.ids:
            mask = np.zeros(size_hw, dtype=bool)
            mask[: frame_idx + 1, i % size_hw[1]] = True
            found[i] = mask
        return found

    def visible_ids(self, frame_idx):
        return tuple(self.ids)


@pytest.fixture
def record(tmp_path):
    for name in ("a_3.jpg", "b_5.jpg", "c_9.jpg"):
        Image.new("RGB", SIZE[::-1]).save(tmp_path / name)
    return VideoRecord(
        source="fake",
        split="train",
        video_id="v",
        frame_dir=tmp_path,
        frame_files=("a_3.jpg", "b_5.jpg", "c_9.jpg"),
        objects=(ObjectInfo(1, "7", "dog", 0b101), ObjectInfo(2, "300", None, 0b100)),
        store=Boxes([1, 2]),
        licence="none",
    )


def test_frames_are_named_in_order_and_measured_lazily(record, tmp_path):
    assert record.num_frames == 3
    assert record.frame_names == ("a_3", "b_5", "c_9")
    assert record.frame_paths == tuple(tmp_path / f"{stem}.jpg" for stem in record.frame_names)
    assert record.size_hw == SIZE
    with pytest.raises(DataError, match=r"gone\.jpg"):
        _ = replace(record, frame_files=("gone.jpg",)).size_hw


def test_masks_and_map_speak_of_the_same_pixels(record):
    masks = record.read_masks(2)
    assert list(masks) == [1, 2]
    assert np.array_equal(record.read_id_map(2), paint_id_map(masks, SIZE))
    assert record.regions(2) == {1: Region(3, (1, 0, 2, 3)), 2: Region(3, (2, 0, 3, 3))}


def test_visibility_comes_from_the_record_alone(record):
    blind = replace(record, store=Boxes([5, 6]))  # not asked: the bits are there
    assert blind.visible_ids(0) == (1,)
    assert blind.visible_ids(2) == (1, 2)
    assert [info.visible_in(2) for info in record.objects] == [True, True]
    assert [info.visible_in(1) for info in record.objects] == [False, False]


def test_visibility_not_recorded_is_read_from_the_masks(record):
    unknown = replace(record, objects=(ObjectInfo(1, "1"), ObjectInfo(2, "2")))
    assert unknown.objects[0].visible_in(0) is None
    assert unknown.visible_ids(0) == (1, 2)


@pytest.mark.parametrize(
    "method",
    ["read_masks", "read_id_map", "read_void", "regions", "visible_ids", "qualities", "occlusions"],
)
def test_a_frame_without_ground_truth_is_refused(record, method):
    with pytest.raises(ValueError, match="annotated frame of fake/v, got 1"):
        getattr(record, method)(1)


def test_what_a_source_does_not_know_is_empty(record):
    assert record.read_void(0) is None
    assert record.qualities(0) == {}
    assert record.occlusions(0) == {}
    assert not record.exhaustive


def test_an_id_map_of_more_than_255_objects_is_refused(record):
    crowd = replace(record, store=Boxes([255, 256]))
    assert set(crowd.read_masks(0)) == {255, 256}
    with pytest.raises(DataError, match="holds 255"):
        crowd.read_id_map(0)
    assert paint_id_map({255: np.ones((1, 1), dtype=bool)}, (1, 1)).tolist() == [[255]]


def test_a_record_is_picklable_and_small(record):
    names = tuple(f"{t:05d}.jpg" for t in range(70))
    store = PngMasks(Path("y"), names, values=(1, 2))
    long = replace(record, frame_files=names, store=store, frame_dir=Path("x"))
    stored = pickle.dumps(long)
    assert len(stored) < 4000
    assert pickle.loads(stored).objects == long.objects
