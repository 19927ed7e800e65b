import numpy as np
import pytest

from pvuw.sample.actors import Actor, Camera, Path
from pvuw.sample.exact import Draw
from pvuw.sample.raster import rasterize
from pvuw.sample.species import SPECIES, individual, new_kind

CAMERA = Camera(swing=(20.0, 6.0), period=(60.0, 45.0), phase=(0.2, 0.7), shake=1.5)


def test_paths_close():
    path = Path((50.0, 40.0), swing=(20.0, 5.0), period=(40.0, 20.0), phase=(0.1, 0.6))
    assert path.at(3.0) == pytest.approx(path.at(43.0))
    xs, ys = np.array([path.at(time / 4) for time in range(160)]).T
    assert (xs.min(), xs.max()) == pytest.approx((30.0, 70.0), abs=0.1)
    assert (ys.min(), ys.max()) == pytest.approx((35.0, 45.0), abs=0.1)


def test_entries_start_outside_and_end_on_the_curve():
    rest = Path((50.0, 40.0), swing=(20.0, 5.0))
    path = Path(
        (50.0, 40.0), swing=(20.0, 5.0), entry_offset=(-300.0, 0.0), entry_start=4.0, entry_frames=8
    )
    for time in (0.0, 4.0):
        assert path.at(time)[0] == pytest.approx(rest.at(time)[0] - 300.0)
    assert path.at(8.0)[0] == pytest.approx(rest.at(8.0)[0] - 150.0)
    assert path.at(12.0) == rest.at(12.0)


def test_the_camera_stays_within_its_reach():
    reach = CAMERA.reach()
    places = np.array([CAMERA.at(float(time)) for time in range(500)])
    assert (np.abs(places).max(axis=0) <= np.array(reach) + 0.03).all()
    assert (np.abs(places).max(axis=0) > 0.9 * np.array(reach)).all()


@pytest.mark.parametrize("name", SPECIES)
def test_a_body_never_leaves_its_extent(name):
    draw = Draw(4)
    look = individual(draw, new_kind(draw, name))
    half_u, half_v = look.extent()
    for cycle in range(8):
        actor = Actor(1, look, Path((100.0, 100.0)), radius=40.0, turns=False)
        pose = actor.pose(cycle / 8 / look.pace, (0.0, 0.0), 0.0)
        layer = rasterize(look, pose, (200, 200))
        rows, cols = np.nonzero(layer.mask)
        assert np.abs(cols + layer.box[1] - 100).max() <= 40 * half_u + 0.5
        assert np.abs(rows + layer.box[0] - 100).max() <= 40 * half_v + 0.5
        # Nor is the box so tight that it cuts: its outermost pixels are free.
        assert not layer.mask[[0, -1]].any()
        assert not layer.mask[:, [0, -1]].any()


def test_bodies_look_where_they_go_and_camera_moves_them_back():
    look = individual(Draw(1), new_kind(Draw(1), "fish"))
    path = Path((50.0, 40.0), swing=(20.0, 0.0), period=(40.0, 40.0))
    actor = Actor(1, look, path, radius=10.0)
    right, left = actor.pose(0.0, (0.0, 0.0), 0.5), actor.pose(20.0, (0.0, 0.0), 0.5)
    assert right.facing > 0.9
    assert left.facing < -0.9
    assert abs(actor.pose(10.0, (0.0, 0.0), 0.5).facing) < 0.6
    assert right.travel[0] == pytest.approx(-left.travel[0])
    assert right.travel[0] == pytest.approx(0.5 * 20.0 * 2 * np.pi / 40, rel=0.02)
    assert actor.pose(0.0, (7.0, -3.0), 0.5).position == pytest.approx((43.0, 43.0))
