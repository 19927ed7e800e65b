import math

import numpy as np
import pytest

from pvuw.sample.exact import Draw
from pvuw.sample.paths import RUN, STROLL, Stage, come_late, cross, hide, leave, wander
from pvuw.sample.species import individual, new_kind

STAGE = Stage(240, 432, math.sqrt(240 * 432), (20.0, 6.0))
RADIUS = 28.0
SEEDS = range(20)


def places(path, times):
    return np.array([path.at(float(time)) for time in times])


def look(draw):
    return individual(draw, new_kind(draw, "grazer"))


@pytest.mark.parametrize("seed", SEEDS)
def test_wanderers_stroll(seed):
    path = wander(Draw(seed), STAGE, RADIUS, (200.0, 100.0))
    steps = np.abs(np.diff(places(path, range(200)), axis=0)).max(axis=0)
    assert (steps <= 1.03 * STROLL * RADIUS).all()
    assert steps[0] > 0.1 * RADIUS


@pytest.mark.parametrize("seed", SEEDS)
def test_crossing_paths_change_sides_within_the_first_frames(seed):
    first, second = cross(Draw(seed), STAGE, RADIUS)
    gap = places(first, range(24)) - places(second, range(24))
    assert abs(gap[0, 0]) > 2 * RADIUS
    assert (np.sign(gap[:, 0]) == -np.sign(gap[0, 0])).any()
    assert np.abs(gap[:, 1]).max() < 2 * RADIUS


@pytest.mark.parametrize("seed", SEEDS)
def test_leavers_are_gone_within_the_first_frames_and_come_back(seed):
    draw = Draw(seed)
    body = look(draw)
    xs = places(leave(draw, STAGE, RADIUS, body), range(60))[:, 0]
    reach = body.extent()[0] * RADIUS + STAGE.margin[0]
    gone = (xs < -reach) | (xs > STAGE.width + reach)
    assert not gone[0]
    assert gone[:24].any()
    assert not gone[np.argmax(gone) :].all()
    assert np.abs(np.diff(xs)).max() <= 1.03 * RUN * RADIUS


@pytest.mark.parametrize("seed", SEEDS)
def test_hiders_pass_the_middle_of_their_cover(seed):
    draw = Draw(seed)
    body = look(draw)
    path, place, half_size = hide(draw, STAGE, RADIUS, body)
    away = np.abs(places(path, range(24))[:, 0] - place[0])
    half_body = body.footing()[0] * RADIUS
    assert away[0] > half_size[0]
    assert (away + half_body < half_size[0]).any()
    assert half_size[1] > half_body


@pytest.mark.parametrize("seed", SEEDS)
def test_latecomers_are_outside_at_first_and_inside_later(seed):
    draw = Draw(seed)
    body = look(draw)
    path = come_late(draw, STAGE, RADIUS, body)
    x = path.at(0.0)[0]
    reach = body.extent()[0] * RADIUS
    assert x < -reach or x > STAGE.width + reach
    end = path.entry_start + path.entry_frames
    xs = places(path, np.arange(end, end + 100))[:, 0]
    assert ((xs > 0) & (xs < STAGE.width)).all()
