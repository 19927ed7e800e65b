import pytest

from pvuw.errors import DataError
from pvuw.mose_plus.build.build_config import BuildConfig


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"frames": "copy"}, "frames: must be link, symlink or encode, got 'copy'"),
        ({"short_side": 4}, "short_side: must be at least 16, got 4"),
        ({"quality": 0}, r"quality: must be in 1\.\.100, got 0"),
        ({"valid_share": 0.6}, r"valid_share: must be in 0\.\.0\.5, got 0\.6"),
    ],
)
def test_values_out_of_range_are_named(values, message):
    with pytest.raises(DataError, match=message):
        BuildConfig(**values)
