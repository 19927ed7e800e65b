import pickle
from typing import ClassVar

import numpy as np
import pytest

from pvuw.errors import DataError
from pvuw.io.mask_store import MaskStore, UnionMasks, paint_id_map, region_of

SIZE = (4, 6)
LEFT, RIGHT, MIDDLE = (slice(0, 2), slice(4, 6), slice(1, 5))


class Columns(MaskStore):
    """Objects that fill some columns; frame 1 has no masks, in frame 2 object 2 is gone."""

    columns: ClassVar = {1: LEFT, 2: RIGHT, 3: MIDDLE}

    def positions(self):
        return (0, 2)

    def stored_size_hw(self, frame_idx):
        return None

    def place(self, frame_idx):
        return f"columns, frame {frame_idx}"

    def masks(self, frame_idx, size_hw):
        found = {}
        for object_id in self.visible_ids(frame_idx):
            found[object_id] = np.zeros(size_hw, dtype=bool)
            found[object_id][:, self.columns[object_id]] = True
        return found

    def visible_ids(self, frame_idx):
        return (1, 3) if frame_idx == 2 else (1, 2, 3)

    def void(self, frame_idx, size_hw):
        void = np.zeros(size_hw, dtype=bool)
        void[0] = True
        return void


class Crowd(Columns):
    def visible_ids(self, frame_idx):
        return tuple(range(1, 301))


def columns_of(mask):
    return np.flatnonzero(mask.any(axis=0)).tolist()


def test_a_store_is_the_collection_of_frames_with_masks():
    store = Columns()
    assert list(store) == [0, 2]
    assert len(store) == 2
    assert [t in store for t in (0, 1, 2, 3)] == [True, False, True, False]
    assert store


def test_one_reading_has_labels_and_void():
    labels, ids, void = Columns().read(0, SIZE, [2, 1])
    assert ids == [2, 1]
    # Object 3 lies over columns 1 to 4; 1 and 2, smaller, are on top of it.
    assert labels[1].tolist() == [2, 2, 0, 0, 1, 1]
    assert void.tolist() == [[1] * 6] + [[0] * 6] * 3


def test_all_visible_objects_are_read_where_none_is_named():
    labels, ids, _ = Columns().read(2, SIZE)
    assert ids == (1, 3)
    assert labels[0].tolist() == [1, 1, 2, 2, 2, 0]


def test_more_objects_than_labels_are_refused_with_their_place():
    with pytest.raises(DataError, match=r"columns, frame 0: 300 objects in frame 0, .* 255"):
        Crowd().read(0, SIZE)


def test_a_union_is_the_pixels_of_any_of_its_objects():
    union = UnionMasks(Columns(), ((1, 2), (), (2, 3), (2,)))
    assert list(union) == [0, 2]
    found = union.masks(0, SIZE)
    assert {t: columns_of(mask) for t, mask in found.items()} == {
        1: [0, 1, 4, 5],
        3: [1, 2, 3, 4, 5],
        4: [4, 5],
    }
    assert union.visible_ids(0) == tuple(found)


def test_a_union_loses_the_objects_a_frame_does_not_show():
    union = UnionMasks(Columns(), ((1, 2), (2,)))
    found = union.masks(2, SIZE)
    assert {t: columns_of(mask) for t, mask in found.items()} == {1: [0, 1]}
    assert union.visible_ids(2) == (1,)


def test_a_union_without_objects_is_background_everywhere():
    nothing = UnionMasks(Columns(), ((),))
    assert nothing.visible_ids(0) == ()
    assert not nothing.id_map(0, SIZE).any()
    assert len(nothing) == 2  # its frames count all the same
    assert np.array_equal(nothing.void(0, SIZE), Columns().void(0, SIZE))


def test_a_union_travels_to_another_process():
    union = pickle.loads(pickle.dumps(UnionMasks(Columns(), ((3,),))))
    assert columns_of(union.masks(0, SIZE)[1]) == [1, 2, 3, 4]


def test_smaller_objects_are_painted_last():
    small, middle, large = (np.zeros((9, 9), dtype=bool) for _ in range(3))
    small[4, 4], middle[3:6, 3:6], large[:] = True, True, True
    id_map = paint_id_map({1: small, 2: large, 3: middle}, (9, 9))
    assert [np.count_nonzero(id_map == i) for i in (1, 2, 3)] == [1, 72, 8]


def test_a_region_of_nothing_is_none():
    assert region_of(np.zeros((3, 3), dtype=bool)) is None
