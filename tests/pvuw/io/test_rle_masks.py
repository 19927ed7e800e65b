import warnings

import numpy as np
import pytest

import pvuw.io.rle_masks
from pvuw.errors import DataError
from pvuw.io.mask_store import Region, paint_id_map
from pvuw.io.rle import encode
from pvuw.io.rle_masks import RleMasks, paint_rles


class Fake(RleMasks):
    def __init__(self, masks):
        self.runs = {i: encode(mask) for i, mask in masks.items()}

    def positions(self):
        return (0,)

    def rles(self, frame_idx):
        return self.runs

    def place(self, frame_idx):
        return "fake.json"


def overlapping(size_hw=(20, 30)):
    masks = {i: np.zeros(size_hw, dtype=bool) for i in (1, 2, 3)}
    masks[1][5:9, 5:9] = True
    masks[2][2:15, 3:20] = True
    masks[3][7:18, 6:28] = True
    return masks


def test_overlap_is_kept_in_masks_and_the_smaller_object_wins_in_the_map():
    masks = overlapping()
    store = Fake(masks)
    found = store.masks(0, (20, 30))
    assert all(np.array_equal(found[i], masks[i]) for i in masks)
    id_map = store.id_map(0, (20, 30))
    assert np.array_equal(id_map, paint_id_map(masks, (20, 30)))
    assert np.array_equal(id_map == 1, masks[1])
    assert np.array_equal(id_map == 2, masks[2] & ~masks[1])
    assert np.array_equal(id_map == 3, masks[3] & ~masks[2] & ~masks[1])


def test_of_two_equal_areas_the_higher_id_wins():
    masks = {7: np.ones((2, 2), dtype=bool), 4: np.ones((2, 2), dtype=bool)}
    assert (Fake(masks).id_map(0, (2, 2)) == 7).all()
    assert (paint_id_map(masks, (2, 2)) == 7).all()


def test_masks_of_another_size_are_resized_to_the_image_and_said_so():
    masks = overlapping()
    store = Fake(masks)
    with pytest.warns(UserWarning, match="fake.json: masks are 30x20, the image 60x40"):
        found = store.masks(0, (40, 60))
    for i, mask in masks.items():
        assert np.array_equal(found[i], mask.repeat(2, axis=0).repeat(2, axis=1))
    with pytest.warns(UserWarning, match="60x40"):
        assert store.regions(0, (40, 60))[1] == Region(64, (10, 10, 18, 18))
    with pytest.warns(UserWarning, match="60x40"):
        assert np.array_equal(store.id_map(0, (40, 60)), paint_id_map(found, (40, 60)))


def test_the_warning_is_shown_once_for_a_file(recwarn):
    warnings.simplefilter("default")
    for _ in range(5):
        Fake(overlapping()).masks(0, (40, 60))
    assert len([w for w in recwarn if "fake.json" in str(w.message)]) == 1


def test_an_object_that_resizing_loses_is_not_visible():
    dot = np.zeros((9, 9), dtype=bool)
    dot[0, 0] = True
    with pytest.warns(UserWarning, match="9x9"):
        assert Fake({1: dot}).masks(0, (3, 3)) == {}


def slots_of(id_map, object_ids):
    slots = np.zeros(id_map.shape, dtype=np.uint8)
    for slot, object_id in enumerate(object_ids, start=1):
        slots[id_map == object_id] = slot
    return slots


@pytest.mark.parametrize("chosen", [[1], [2], [3], [3, 1], [2, 3], [1, 2, 3], [9], []])
def test_slots_are_what_the_id_map_says_of_the_chosen_objects(chosen):
    store = Fake(overlapping())
    expected = slots_of(store.id_map(0, (20, 30)), chosen)
    assert np.array_equal(store.slot_map(0, (20, 30), chosen), expected)


def test_slots_of_random_crowds():
    rng = np.random.default_rng(0)
    for _ in range(60):
        masks = {}
        for i in range(1, 8):
            top, left = rng.integers(0, 20, 2)
            mask = np.zeros((24, 24), dtype=bool)
            mask[top : top + rng.integers(1, 9), left : left + rng.integers(1, 9)] = True
            masks[i] = mask & (rng.random(mask.shape) < 0.8)
        store = Fake({i: mask for i, mask in masks.items() if mask.any()})
        chosen = rng.permutation(np.arange(1, 8))[: rng.integers(1, 4)].tolist()
        expected = slots_of(store.id_map(0, (24, 24)), chosen)
        assert np.array_equal(store.slot_map(0, (24, 24), chosen), expected)


def test_slots_at_another_size():
    store = Fake(overlapping())
    with pytest.warns(UserWarning, match="60x40"):
        found = store.slot_map(0, (40, 60), [3, 1])
    assert np.array_equal(
        found, Fake(overlapping()).slot_map(0, (20, 30), [3, 1]).repeat(2, 0).repeat(2, 1)
    )


def test_ids_beyond_255_are_slots_but_no_id_map():
    mask = np.ones((2, 2), dtype=bool)
    store = Fake({300: mask})
    assert (store.slot_map(0, (2, 2), [300]) == 1).all()
    with pytest.raises(OverflowError):
        store.id_map(0, (2, 2))


def test_objects_that_are_not_wanted_are_not_decoded(monkeypatch):
    size_hw, boxes = (60, 60), {}
    for i in range(36):
        mask = np.zeros(size_hw, dtype=bool)
        mask[10 * (i // 6) : 10 * (i // 6) + 8, 10 * (i % 6) : 10 * (i % 6) + 8] = True
        boxes[i + 1] = mask
    boxes[37] = np.zeros(size_hw, dtype=bool)
    boxes[37][2:5, 2:5] = True  # on top of the first
    decoded = []
    original = pvuw.io.rle_masks.filled_columns

    def counted(rle):
        decoded.append(rle)
        return original(rle)

    monkeypatch.setattr(pvuw.io.rle_masks, "filled_columns", counted)
    store = Fake(boxes)
    slots = store.slot_map(0, size_hw, [1, 20])
    assert len(decoded) == 3
    assert (slots == 1).sum() == 64 - 9
    decoded.clear()
    store.id_map(0, size_hw)
    assert len(decoded) == 37


def test_values_default_to_background():
    runs = {1: encode(np.ones((1, 2), dtype=bool))}
    assert paint_rles(runs, (1, 2), values={}).tolist() == [[0, 0]]


def test_masks_that_lie_where_the_image_stands_are_refused():
    store = Fake(overlapping())
    for read in (store.masks, store.id_map, store.regions, lambda *a: store.slot_map(*a, [1])):
        with pytest.raises(DataError, match=r"fake\.json: the mask is 30x20, its image 20x30"):
            read(0, (30, 20))
