import numpy as np
import pytest

from pvuw.traits.change import AreaCollapse, Motion
from pvuw.traits.shapes import shapes_of_id_map


def strip(areas, size_hw=(10, 100)):
    """Id maps on which object 1 covers the given number of pixels."""
    for area in areas:
        id_map = np.zeros(size_hw, np.uint8)
        id_map.reshape(-1)[:area] = 1
        yield shapes_of_id_map(id_map)


def collapse_of(areas, fps=None):
    collapse = AreaCollapse(fps)
    for shapes in strip(areas):
        collapse.update(shapes)
    return collapse.mean


def test_an_object_that_keeps_its_size_does_not_collapse():
    assert collapse_of([50] * 10) == 0
    assert collapse_of([10, 20, 40, 80, 160]) == 0  # growing


def test_a_tenth_left_is_a_collapse_of_nine_tenths():
    assert collapse_of([100, 100, 100, 100, 10, 100]) == pytest.approx(0.9)


def test_one_flickering_mask_does_not_move_the_median():
    assert collapse_of([100, 100, 5, 100, 50]) == pytest.approx(0.5)  # 5 comes too early to count


def test_the_window_forgets_an_earlier_scale():
    slow = [1000 - 2 * t for t in range(450)]  # the camera moves away: 1000 -> 102 pixels
    assert collapse_of(slow, fps=5) < 0.15
    assert collapse_of(slow, fps=100) > 0.5  # a window of 300 frames sees the change


def test_absence_itself_is_no_collapse():
    assert collapse_of([100, 100, 100, 0, 0, 100]) == 0


def test_mean_over_objects():
    collapse = AreaCollapse(None)
    for area in (20, 20, 20, 5):
        id_map = np.zeros((10, 10), np.uint8)
        id_map.reshape(-1)[:area] = 1
        id_map.reshape(-1)[50:60] = 2
        collapse.update(shapes_of_id_map(id_map))
    assert collapse.mean == pytest.approx((0.75 + 0) / 2)


def moving(xs, size_hw=(30, 40)):
    for x in xs:
        id_map = np.zeros(size_hw, np.uint8)
        if x is not None:
            id_map[5:8, x : x + 3] = 1
        yield shapes_of_id_map(id_map)


def motion_of(xs, fps=10.0):
    motion = Motion(fps)
    for shapes in moving(xs):
        motion.update(shapes)
    return motion.mean


def test_speed_in_diagonals_a_second():
    assert motion_of([0, 5, 10]) == pytest.approx(5 / 50 * 10)  # 30 x 40 has a diagonal of 50
    assert motion_of([3, 3, 3]) == 0


def test_half_the_frame_rate_gives_the_same_speed():
    assert motion_of([0, 2, 4, 6], fps=10.0) == pytest.approx(motion_of([0, 4], fps=5.0))


def test_no_step_over_an_absence():
    assert motion_of([0, None, 30, 30]) == 0
    assert motion_of([0, None, 30]) is None


def test_unknown_frame_rate_leaves_the_speed_unknown():
    assert motion_of([0, 5], fps=None) is None
