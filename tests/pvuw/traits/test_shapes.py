import numpy as np

from pvuw.traits.shapes import shapes_of_id_map, shapes_of_masks
from tests.helpers.noise import DOUBLE_SUMMATION


def random_id_map(seed, size_hw=(37, 53)):
    rng = np.random.default_rng(seed)
    id_map = np.zeros(size_hw, dtype=np.uint8)
    for object_id in rng.choice(np.arange(1, 256), 6, replace=False):
        y, x = rng.integers(0, size_hw[0] - 8), rng.integers(0, size_hw[1] - 8)
        id_map[y : y + 8, x : x + 8] = object_id
        id_map[y + 2, x + 2] = 0  # a hole, so that box and mask differ
    return id_map


def test_shapes_equal_a_plain_computation():
    for seed in range(5):
        id_map = random_id_map(seed)
        shapes = shapes_of_id_map(id_map)
        assert shapes.object_ids == tuple(np.unique(id_map[id_map > 0]).tolist())
        for i, object_id in enumerate(shapes.object_ids):
            ys, xs = np.nonzero(id_map == object_id)
            assert shapes.areas[i] == len(xs)
            assert shapes.boxes_xyxy[i].tolist() == [
                xs.min(), ys.min(), xs.max() + 1, ys.max() + 1
            ]  # fmt: skip
            np.testing.assert_allclose(
                shapes.centroids_xy[i], (xs.mean(), ys.mean()), atol=DOUBLE_SUMMATION
            )


def test_masks_and_id_map_agree_where_nothing_overlaps():
    id_map = random_id_map(7)
    masks = {int(i): id_map == i for i in np.unique(id_map) if i}
    from_map, from_masks = shapes_of_id_map(id_map), shapes_of_masks(masks, id_map.shape)
    assert from_map.object_ids == from_masks.object_ids
    np.testing.assert_array_equal(from_map.boxes_xyxy, from_masks.boxes_xyxy)
    np.testing.assert_allclose(from_map.centroids_xy, from_masks.centroids_xy)


def test_frame_without_objects_has_empty_arrays():
    for shapes in (shapes_of_id_map(np.zeros((4, 6), np.uint8)), shapes_of_masks({}, (4, 6))):
        assert shapes.object_ids == ()
        assert shapes.boxes_xyxy.shape == (0, 4)
        assert shapes.size_hw == (4, 6)


def test_mask_without_pixels_is_not_visible():
    masks = {1: np.zeros((3, 3), bool), 2: np.ones((3, 3), bool)}
    assert shapes_of_masks(masks, (3, 3)).object_ids == (2,)
