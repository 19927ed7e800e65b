import numpy as np
import pytest

from pvuw.sample.actors import Pose
from pvuw.sample.exact import Draw
from pvuw.sample.raster import rasterize
from pvuw.sample.scenery import THEMES
from pvuw.sample.species import GROUNDED, SPECIES, individual, new_kind, rgb


def draw_one(look):
    return rasterize(look, Pose((60.0, 60.0), 30.0, 0.0, 1.0, 0.0), (120, 120))


@pytest.mark.parametrize("name", SPECIES)
def test_siblings_are_alike_but_not_the_same(name):
    draw = Draw(2)
    kind, other_kind = new_kind(draw, name), new_kind(draw, name)
    first, second = individual(draw, kind), individual(draw, kind)
    stranger = individual(draw, other_kind)
    a, b = draw_one(first), draw_one(second)
    assert a.box != b.box or (a.mask != b.mask).any()
    assert 0.8 < a.mask.sum() / b.mask.sum() < 1.25
    apart = np.abs(first.colors - second.colors).mean()
    assert 0 < apart < np.abs(first.colors - stranger.colors).mean()


@pytest.mark.parametrize("name", SPECIES)
def test_bodies_are_one_piece_about_two_units_long(name):
    layer = draw_one(individual(Draw(3), new_kind(Draw(3), name)))
    rows, cols = np.nonzero(layer.mask)
    longest = max(np.ptp(rows), np.ptp(cols)) + 1
    assert 1.3 < longest / 30 < 3.2
    assert 0.3 < layer.mask.sum() / 30**2 < 4


def test_every_species_lives_somewhere():
    assert {name for theme in THEMES.values() for name in theme.species} == set(SPECIES)
    assert set(SPECIES) >= GROUNDED


@pytest.mark.parametrize(
    ("hsv", "expected"),
    [
        ((0.0, 1.0, 1.0), (255, 0, 0)),
        ((1 / 6, 1.0, 1.0), (255, 255, 0)),
        ((2 / 3, 1.0, 0.5), (0, 0, 127.5)),
        ((0.9, 0.0, 0.4), (102, 102, 102)),
        ((-1 / 3, 1.0, 1.0), (0, 0, 255)),
    ],
)
def test_colours(hsv, expected):
    assert rgb(*hsv) == pytest.approx(expected)
