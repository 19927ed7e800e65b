import numpy as np
import pytest

from pvuw.mose_plus.select.confirm import picture_difference, thumbnail
from tests.helpers.noise import SUMMATION
from tests.pvuw.mose_plus.make import texture, write_frames

LIMIT = 6.0


def difference(tmp_path, first, second, **written):
    (a,) = write_frames(tmp_path / "a", first[None])
    (b,) = write_frames(tmp_path / "b", second[None], **written)
    return picture_difference(thumbnail(a), thumbnail(b))


@pytest.mark.parametrize("written", [{"quality": 40}, {"size_hw": (300, 534)}, {"quality": 95}])
def test_copy_of_a_frame_is_below_the_limit(tmp_path, written):
    picture = texture(3, (480, 854))
    assert difference(tmp_path, picture, picture, **written) < LIMIT / 2


def test_object_of_a_hundredth_of_the_frame_is_above_it(tmp_path):
    picture = texture(3, (480, 854))
    changed = picture.copy()
    changed[200:264, 300:364] = 255 - changed[200:264, 300:364]
    assert difference(tmp_path, picture, changed) > 2 * LIMIT


def test_brightness_and_contrast_are_fitted_away():
    first = np.random.default_rng(0).normal(100, 20, (96, 96)).astype(np.float32)
    assert picture_difference(first, 0.8 * first - 10) == pytest.approx(0, abs=100 * SUMMATION)


def test_flat_frame_has_no_gain():
    flat = np.full((96, 96), 7, np.float32)
    assert picture_difference(flat, flat) == 0
