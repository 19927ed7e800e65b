import numpy as np
import pytest

from pvuw.traits.layout import box_occlusion_rate, crowding
from pvuw.traits.shapes import FrameShapes, shapes_of_id_map


def boxes(*boxes_xyxy, areas=None):
    corners = np.array(boxes_xyxy, dtype=np.int64)
    centres = (corners[:, :2] + corners[:, 2:] - 1) / 2
    sizes = np.prod(corners[:, 2:] - corners[:, :2], axis=1) if areas is None else areas
    ids = tuple(range(1, len(corners) + 1))
    return FrameShapes(ids, np.array(sizes, float), corners, centres, (100, 100))


def test_two_boxes_that_share_a_quarter_of_each():
    # 4 pixels of each box of 16 are common: 4 / (16 + 16 - 4)
    assert box_occlusion_rate(boxes((0, 0, 4, 4), (2, 2, 6, 6))) == pytest.approx(4 / 28)


def test_three_boxes_over_the_same_pixels_count_them_once():
    same = (10, 10, 20, 20)
    assert box_occlusion_rate(boxes(same, same, same)) == 1
    assert box_occlusion_rate(boxes(same, same, (0, 0, 10, 10))) == pytest.approx(100 / 200)


def test_boxes_that_touch_do_not_overlap():
    assert box_occlusion_rate(boxes((0, 0, 4, 4), (4, 0, 8, 4))) == 0
    assert box_occlusion_rate(boxes((3, 3, 9, 9))) == 0


def test_many_boxes_equal_painting_them():
    rng = np.random.default_rng(3)
    for _ in range(20):
        start = rng.integers(0, 60, (9, 2))
        found = boxes(*np.hstack([start, start + rng.integers(1, 40, (9, 2))]))
        canvas = np.zeros((100, 100), int)
        for left, top, right, bottom in found.boxes_xyxy:
            canvas[top:bottom, left:right] += 1
        assert box_occlusion_rate(found) == pytest.approx((canvas > 1).sum() / (canvas > 0).sum())


def test_crowding_takes_the_closest_pair():
    squares = boxes((0, 0, 10, 10), (20, 0, 30, 10), (80, 80, 90, 90))
    assert crowding(squares) == pytest.approx(1 / 3)  # two widths apart
    assert crowding(boxes((0, 0, 10, 10))) == 0


def test_crowding_is_relative_to_size():
    near = crowding(boxes((0, 0, 2, 2), (8, 0, 10, 2)))
    scaled = crowding(boxes((0, 0, 20, 20), (80, 0, 100, 20)))
    assert near == pytest.approx(scaled)


def test_frame_without_objects_is_an_error():
    empty = shapes_of_id_map(np.zeros((4, 4), np.uint8))
    with pytest.raises(ValueError, match="without objects"):
        box_occlusion_rate(empty)
    with pytest.raises(ValueError, match="without objects"):
        crowding(empty)
