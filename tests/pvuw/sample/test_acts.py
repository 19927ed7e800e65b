import numpy as np
import pytest

from pvuw.sample.acts import ACTS
from pvuw.sample.exact import Draw
from pvuw.sample.paths import RUN, Stage

STAGE = Stage(240, 432, 322.0, (0.0, 0.0))
RADIUS, REACH = 25.0, 30.0


def path_of(act, seed):
    path = ACTS[act](Draw(seed), STAGE, RADIUS, REACH, 100.0)
    return np.array([path.at(float(time)) for time in range(24)])


@pytest.mark.parametrize("act", ACTS)
def test_nobody_runs_faster_than_the_limit(act):
    steps = [np.abs(np.diff(path_of(act, seed), axis=0)).max() for seed in range(30)]
    assert max(steps) <= 1.25 * RUN * RADIUS


def outside(path):
    return (path[:, 0] < -REACH) | (path[:, 0] > STAGE.width + REACH)


@pytest.mark.parametrize("seed", range(20))
def test_each_act_is_what_it_is_called(seed):
    for act in ("stand", "stand too"):
        assert np.ptp(path_of(act, seed), axis=0).max() == 0
    assert not outside(path_of("go", seed)).any()
    climb = path_of("climb", seed)
    assert np.ptp(climb[:, 0]) == 0
    assert np.ptp(climb[:, 1]) > 70
    assert np.ptp(path_of("stop", seed)[-4:, 0]) < 6
    assert np.ptp(path_of("set off", seed)[:8, 0]) == 0
    turn = path_of("turn", seed)[:, 0]
    assert 6 <= abs(turn - turn[0]).argmax() <= 17
    assert outside(path_of("leave", seed))[-1]
    assert outside(path_of("arrive", seed))[0]
    away = outside(path_of("come back", seed))
    assert away[10:13].any()
    assert not away[0]
    assert not away[-1]
