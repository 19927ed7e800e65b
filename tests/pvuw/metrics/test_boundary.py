import cv2
import numpy as np
import pytest
from skimage.morphology import disk

from pvuw.metrics.boundary import boundary_pair, disk_rows
from pvuw.metrics.regions import Box

FRACTIONAL = [0.008 * float(np.hypot(*size)) for size in ((480, 854), (720, 1280), (1080, 1920))]


@pytest.mark.parametrize("radius", [1.0, 2.0, 8.0, 18.0, 0.7, 1.5, 3.49, *FRACTIONAL])
def test_disk_covers_what_dilation_by_the_official_kernel_does(radius):
    dot = np.zeros((61, 61), np.uint8)
    dot[30, 30] = 1
    expected = cv2.dilate(dot, disk(radius).astype(np.uint8))
    covered = np.zeros_like(dot)
    for row in disk_rows(radius):
        for below in row.row:
            # A pixel sees the dot where the disk around that pixel covers the dot.
            first, last = 30 - row.left, 30 - row.left - row.length + 1
            covered[30 - below, last : first + 1] = 1
    assert np.array_equal(covered, expected)


def test_disk_is_never_empty():
    assert [(row.length, row.row.tolist(), row.left) for row in disk_rows(0.2)] == [(1, [0], 0)]


def test_boundary_lies_up_and_left_and_skips_the_frame_edge():
    truth = np.zeros((5, 6), np.uint8)
    truth[2:, 3:] = 9
    pair = boundary_pair(truth, np.zeros_like(truth), object_id=9, box=Box(2, 3, 5, 6), margin=1)
    row, column = np.divmod(pair.position - pair.position[0], pair.stride)
    # Row 1 above the object, then the column left of it, none along the frame's edges.
    assert list(zip(row.tolist(), column.tolist(), strict=True)) == [
        *((0, 0), (0, 1), (0, 2), (0, 3)),
        *((1, 0), (2, 0), (3, 0)),
    ]


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        (Box(2, 5, 5, 6), [(0, 0), (0, 1), (1, 0), (2, 0), (3, 0)]),
        (Box(4, 3, 5, 6), [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0)]),
    ],
)
def test_an_object_of_one_column_or_row_at_the_edge_has_no_boundary_along_it(box, expected):
    truth = np.zeros((5, 6), np.uint8)
    truth[box.top : box.bottom, box.left : box.right] = 9
    pair = boundary_pair(truth, np.zeros_like(truth), object_id=9, box=box, margin=1)
    row, column = np.divmod(pair.position - pair.position[0], pair.stride)
    assert list(zip(row.tolist(), column.tolist(), strict=True)) == expected


def test_flags_of_one_row_never_reach_the_next():
    """One pixel at each end of neighbouring rows: far apart in the frame, adjacent when flat."""
    truth, prediction = np.zeros((2, 12, 40), np.uint8)
    truth[5, 38] = 1
    prediction[6, 1] = 1
    pair = boundary_pair(truth, prediction, object_id=1, box=Box(5, 1, 7, 39), margin=4)
    assert pair.f_measure(4) == 0.0


@pytest.mark.parametrize(("shift", "expected"), [(3, 1.0), (4, 0.0)])
def test_tolerance_is_inclusive(shift, expected):
    truth, prediction = np.zeros((2, 30, 30), np.uint8)
    truth[10, 10] = prediction[10, 10 + shift] = 1
    box = Box(10, 10, 11, 11 + shift)
    pair = boundary_pair(truth, prediction, object_id=1, box=box, margin=8)
    assert pair.f_measure(2) == pytest.approx(0.5 if shift == 3 else 0.0)
    assert pair.f_measure(3) >= expected
