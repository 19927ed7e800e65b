import numpy as np
import pytest

from pvuw.metrics.regions import measure_regions


def assert_equals_counting(truth, prediction):
    regions = measure_regions(truth, prediction)
    present = sorted((set(truth.flat) | set(prediction.flat)) - {0})
    assert regions.object_ids() == present
    for object_id in present:
        own, other = truth == object_id, prediction == object_id
        assert regions.truth_area[object_id] == own.sum()
        assert regions.predicted_area[object_id] == other.sum()
        assert regions.intersection[object_id] == (own & other).sum()
        rows, columns = np.nonzero(own | other)
        assert regions.box(object_id) == (
            rows.min(),
            columns.min(),
            rows.max() + 1,
            columns.max() + 1,
        )


@pytest.mark.parametrize("seed", range(8))
def test_equals_counting_pixels(seed):
    rng = np.random.default_rng(seed)
    shape = rng.integers(1, 30, 2)
    ids = rng.choice(256, 5, replace=False).astype(np.uint8)
    truth, prediction = rng.choice(ids, (2, *shape))
    assert_equals_counting(truth, prediction)
    truth[:, : shape[1] // 2], prediction[shape[0] // 2 :] = 0, 0
    assert_equals_counting(truth, prediction)


def test_runs_end_with_their_row():
    truth = np.zeros((3, 4), np.uint8)
    truth[0, 3] = truth[1, 0] = 5  # one run if the frame were one long line
    assert_equals_counting(truth, np.zeros_like(truth))


def test_one_object_everywhere():
    assert_equals_counting(np.full((3, 4), 255, np.uint8), np.full((3, 4), 255, np.uint8))


def test_nothing_anywhere():
    assert measure_regions(*np.zeros((2, 3, 4), np.uint8)).object_ids() == []
