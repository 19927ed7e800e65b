import numpy as np
import pytest

from pvuw.sample.exact import Draw
from pvuw.sample.noise import PATTERNS, TILE, cloud, harden, pattern, value_noise
from tests.helpers.noise import ROUNDING


@pytest.mark.parametrize("size_hw", [(64, 96), (61, 97), (5, 3)])
def test_noise_has_the_size_and_range_asked_for(size_hw):
    noise = cloud(Draw(1), size_hw, (16, 4, 1))
    assert noise.shape == size_hw
    assert noise.dtype == np.float32
    assert noise.min() >= 0.0
    assert noise.max() <= 1.0


def test_noise_passes_through_its_grid():
    grid = Draw(3).grid(4, 6)
    np.testing.assert_array_equal(value_noise(Draw(3), (32, 48), 8)[::8, ::8], grid)


def test_noise_is_smooth_within_cells_and_across_the_seam():
    noise = value_noise(Draw(3), (64, 64), 16)
    around = np.concatenate([noise, noise[:1]])
    # The steepest step of the weight between two grid points is 1.5 / 16 of their difference.
    assert np.abs(np.diff(around, axis=0)).max() <= 1.5 / 16
    assert np.abs(np.diff(noise, axis=0)).max() > 0.01


def test_harden_leaves_two_levels_and_a_soft_border():
    values = harden(np.array([0.0, 0.4, 0.5, 0.6, 1.0], np.float32), 0.5, 5.0)
    assert values.tolist() == pytest.approx([0.0, 0.0, 0.5, 1.0, 1.0], abs=ROUNDING)


@pytest.mark.parametrize("name", PATTERNS)
def test_patterns_are_tiles_with_contrast(name):
    tile = pattern(Draw(5), name)
    assert tile.shape == (TILE, TILE)
    assert tile.dtype == np.float32
    assert 0.0 <= tile.min() < 0.4
    assert 0.6 < tile.max() <= 1.0
    # Columns on both sides of the seam are about as alike as neighbours elsewhere.
    seam = np.abs(tile[:, 0] - tile[:, -1]).mean()
    inside = np.abs(np.diff(tile, axis=1)).mean()
    assert seam < 3 * inside
