import numpy as np

from pvuw.sample.scene import plan_scene
from pvuw.sample.sentences.facts import FactLog

SIZE = (64, 96)


def test_facts_are_those_of_the_frames():
    scene, log = plan_scene(4, SIZE), FactLog(SIZE)
    frames = [scene.frame(time) for time in range(20)]
    for frame in frames:
        log.add(frame.drawn)
    id_maps = np.stack([frame.id_map for frame in frames])
    things = log.things()
    named = [thing for thing in things if thing.object_id]
    assert [thing.object_id for thing in named] == sorted(set(np.unique(id_maps).tolist()) - {0})
    for thing in named:
        masks = id_maps == thing.object_id
        np.testing.assert_array_equal(thing.area, masks.sum(axis=(1, 2)))
        alone = [
            int(one.layer.mask.sum()) if one.layer is not None else 0
            for frame in frames
            for one in frame.drawn
            if one.actor.object_id == thing.object_id
        ]
        np.testing.assert_array_equal(thing.whole, alone)
        for other in things:
            if other is not thing and other.object_id:
                shown = id_maps == other.object_id
                assert (thing.covered[:, other.number] <= shown.sum(axis=(1, 2))).all()
        edge = np.ones(SIZE, bool)
        edge[1:-1, 1:-1] = False
        assert (thing.cut >= (masks & edge).any(axis=(1, 2))).all()
    assert any((thing.whole > thing.area).any() for thing in named), "somebody is covered"
