import numpy as np
import pytest

from pvuw.sample.actors import Pose
from pvuw.sample.exact import Draw
from pvuw.sample.raster import rasterize
from pvuw.sample.scenery import THEMES, bush, paint_backdrop, post, stone


@pytest.mark.parametrize("name", THEMES)
def test_backdrops_have_structure_and_stay_in_range(name):
    picture = paint_backdrop(Draw(1), THEMES[name], (83, 141), 100.0)
    assert picture.shape == (83, 141, 3)
    assert picture.dtype == np.float32
    assert picture.min() >= 0.0
    assert picture.max() <= 255.0
    assert picture.std(axis=(0, 1)).min() > 5.0
    again = paint_backdrop(Draw(1), THEMES[name], (83, 141), 100.0)
    np.testing.assert_array_equal(picture, again)
    assert (paint_backdrop(Draw(2), THEMES[name], (83, 141), 100.0) != picture).mean() > 0.9


@pytest.mark.parametrize("look", [bush(Draw(1), (0.3, 0.6, 0.4)), stone(Draw(1))])
def test_clutter_is_solid(look):
    layer = rasterize(look, Pose((50.0, 50.0), 20.0, 0.0, 1.0, 0.0), (100, 100))
    assert layer.mask.sum() > 20**2
    assert layer.mask[48 - layer.box[0] : 52 - layer.box[0], 48 - layer.box[1] :][:, :4].all()


def test_posts_are_straight_where_they_leave_the_frame():
    layer = rasterize(post(Draw(1), 12.0), Pose((50.3, 50.0), 10.0, 0.0, 1.0, 0.0), (100, 100))
    widths = layer.mask.sum(axis=1)
    assert len(widths) == 100
    assert widths.max() - widths.min() <= 1
    assert widths.max() == pytest.approx(20, abs=1)
