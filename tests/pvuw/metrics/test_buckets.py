import numpy as np
import pytest

from pvuw.metrics.buckets import BUCKETS, ObjectBuckets
from tests.helpers import synthetic


def buckets_of(id_maps, object_id=1):
    buckets = ObjectBuckets()
    for id_map in id_maps:
        buckets.update(id_map)
    return buckets.of(object_id)


def block(width, *, height=10):
    """An id map of 1,000 pixels with `width x height` of them in object 1."""
    id_map = np.zeros((20, 50), np.uint8)
    id_map[:height, :width] = 1
    return id_map


def test_the_squares_fall_where_their_tables_say():
    buckets = ObjectBuckets()
    for time in range(synthetic.NUM_FRAMES):
        buckets.update(synthetic.id_map(time))
    assert buckets.of(1) == ()
    # 3 goes behind 1 from frame 2 on, is hidden in frame 4 and comes back.
    assert set(buckets.of(3)) >= {"reappearing"}
    assert "reappearing" in buckets.of(7)


@pytest.mark.parametrize(
    ("widths", "expected"),
    [
        ((20, 20, 20, 20), ()),
        ((20, 20, 20, 11), ()),
        ((20, 20, 20, 9), ("occluded",)),
        ((20, 20, 9, 20), ()),  # no history yet to have shrunk from
        ((20, 20, 0, 20), ("reappearing",)),
        ((20, 20, 20, 0), ()),  # gone for good
        ((0, 0, 20, 20), ()),  # late, but never away
        ((20, 20, 20, 9, 0, 20), ("occluded", "reappearing")),
    ],
)
def test_occluded_and_reappearing(widths, expected):
    assert buckets_of(block(width) for width in widths) == expected


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [((9, 9, 9), ("small",)), ((10, 10, 10), ()), ((9, 9, 10), ("small",)), ((9, 10), ())],
)
def test_small_is_below_one_percent_in_most_frames_that_show_it(pixels, expected):
    assert buckets_of(block(count, height=1) for count in pixels) == expected


def test_unknown_objects_are_in_no_bucket_and_the_order_is_fixed():
    assert buckets_of([block(20)], object_id=9) == ()
    assert BUCKETS == ("small", "occluded", "reappearing")
