from dataclasses import replace

import numpy as np
import pytest

from pvuw.sample.events import Visibility
from pvuw.sample.scene import Scene, plan_scene
from pvuw.sample.truth import draw_actors, stack, states
from tests.pvuw.sample.oracle import distance

SIZE = (72, 104)
OUTLINE = 2e-3
"""Of an object's radius: how far float32 may move an outline."""


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("time", [0, 11])
def test_the_id_map_is_the_front_most_body_worked_out_another_way(seed, time):
    cast = plan_scene(seed, SIZE).cast
    drawn = draw_actors(cast, time)
    expected, unsure = np.zeros(SIZE, np.uint8), np.zeros(SIZE, bool)
    for one in drawn:
        out = distance(one.actor.look, one.pose, SIZE)
        expected[out <= 1.0] = one.actor.object_id
        unsure |= np.abs(out - 1.0) < OUTLINE
    wrong = (stack(drawn, SIZE) != expected) & ~unsure
    # A pixel on the border of two texels may take the other one's roughness.
    assert wrong.sum() <= 2
    assert unsure.mean() < 0.02


@pytest.mark.parametrize("seed", range(4))
def test_a_scene_without_one_object_differs_only_where_that_object_was(seed):
    scene = plan_scene(seed, SIZE)
    cast = replace(scene.cast, shutter=0.0)
    before = draw_actors(cast, 3)
    id_map = stack(before, SIZE)
    for object_id in cast.object_ids:
        rest = [one for one in before if one.actor.object_id != object_id]
        changed = stack(rest, SIZE) != id_map
        np.testing.assert_array_equal(changed, id_map == object_id)


@pytest.mark.parametrize("seed", range(4))
def test_the_picture_shows_the_object_where_the_truth_says(seed):
    cast = plan_scene(seed, SIZE).cast
    plain = [replace(actor, look=replace(actor.look, shadow=False)) for actor in cast.actors]
    cast = replace(cast, actors=tuple(plain), shutter=0.0)
    for object_id in cast.object_ids:
        others = tuple(actor for actor in cast.actors if actor.object_id != object_id)
        with_it, without = Scene(cast, 5).frame(2), Scene(replace(cast, actors=others), 5).frame(2)
        changed = (with_it.frame != without.frame).any(-1)
        opacity = np.zeros(SIZE, np.float32)
        for one in draw_actors(cast, 2):
            if one.actor.object_id == object_id and one.layer is not None:
                top, left, bottom, right = one.layer.box
                opacity[top:bottom, left:right] = one.layer.opacity[..., 0]
        mask = with_it.id_map == object_id
        assert not (changed & (opacity == 0.0)).any()
        assert (opacity[mask] >= 0.5).all()
        # Here and there its shade equals what lies behind.
        assert (changed & mask).sum() >= 0.9 * mask.sum()


def test_states_tell_covered_from_outside():
    cast = plan_scene(0, SIZE).cast
    front = replace(cast.actors[0], object_id=9)
    behind = replace(cast.actors[0], object_id=4)
    away = replace(front, object_id=2, path=replace(front.path, center=(-500.0, 30.0)))
    drawn = draw_actors(replace(cast, actors=(behind, away, front)), 0)
    assert states(drawn, stack(drawn, SIZE)) == {
        2: Visibility.OUTSIDE,
        4: Visibility.COVERED,
        9: Visibility.VISIBLE,
    }
