import numpy as np
import pytest

from pvuw.ensemble.fuse.combinations import combine
from pvuw.errors import DataError


@pytest.mark.parametrize("num_ids", [3, 40])  # counted in a table, and sorted
def test_every_pixel_is_in_the_combination_of_its_labels(num_ids):
    rng = np.random.default_rng(0)
    maps = [rng.integers(0, num_ids, (20, 30), dtype=np.uint8) * 6 for _ in range(5)]
    found = combine(maps)
    expected = np.stack([ids.ravel() for ids in maps], axis=1)
    assert np.array_equal(found.labels[found.which], expected)
    assert found.counts.sum() == 600
    assert len(np.unique(expected, axis=0)) == len(found.labels)


def test_too_many_members_are_refused():
    everything = np.arange(256, dtype=np.uint8)
    with pytest.raises(DataError, match="8 members with 256 ids in one frame are too many"):
        combine([everything] * 8)
