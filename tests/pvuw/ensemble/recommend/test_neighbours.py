import numpy as np
import pytest

from pvuw.ensemble.recommend.neighbours import measure_neighbours
from pvuw.traits.layout import crowding
from pvuw.traits.shapes import shapes_of_id_map

NONE = np.zeros(0)


def shapes(*boxes):
    ids = np.zeros((40, 60), dtype=np.uint8)
    for object_id, top, left, height, width in boxes:
        ids[top : top + height, left : left + width] = object_id
    return shapes_of_id_map(ids)


def test_the_closest_pair_is_the_crowding_of_the_frame():
    found = shapes((1, 0, 0, 8, 8), (2, 0, 12, 6, 6), (5, 30, 40, 4, 4))
    closeness = measure_neighbours(found, {}).closeness
    assert closeness.max() == pytest.approx(crowding(found))
    assert closeness[0] == pytest.approx(closeness[1])
    assert closeness[2] < closeness[0]


def test_overlap_is_the_covered_share_of_the_own_box():
    found = shapes((1, 0, 0, 10, 10), (2, 0, 8, 10, 10))  # 2 covers columns 8 and 9 of 1
    ids = np.zeros((40, 60), dtype=np.uint8)
    ids[0:10, 0:10] = 1
    ids[0:5, 5:10] = 2
    nested = measure_neighbours(shapes_of_id_map(ids), {})
    assert nested.overlap.tolist() == [0.25, 1.0]
    assert measure_neighbours(found, {}).overlap.tolist() == [0.0, 0.0]


def test_lookalikes_must_be_close_and_alike():
    found = shapes((1, 0, 0, 8, 8), (2, 0, 8, 8, 8), (5, 30, 50, 8, 8))
    red, blue = np.eye(2, dtype=np.float32)
    near = measure_neighbours(found, {1: red, 2: blue, 5: red})
    assert near.similarity.tolist() == [1.0, 0.0, 1.0]
    assert near.lookalike[1] == 0
    assert near.lookalike[0] == near.lookalike[2] < near.closeness[0]


@pytest.mark.parametrize("boxes", [(), ((4, 0, 0, 8, 8),)])
def test_nobody_has_no_neighbours(boxes):
    near = measure_neighbours(shapes(*boxes), {})
    assert near.closeness.tolist() == near.lookalike.tolist() == [0.0] * len(boxes)
