import pytest

from pvuw.sample.cast import draw_cast
from pvuw.sample.species import COLORS

SEEDS = range(60)
CASTS = [draw_cast(seed, (240, 432)) for seed in SEEDS]


def test_the_same_seed_gives_the_same_cast():
    again = draw_cast(SEEDS[-1], (240, 432))
    assert [(a.object_id, a.path, a.radius) for a in again.actors] == [
        (a.object_id, a.path, a.radius) for a in CASTS[-1].actors
    ]


@pytest.mark.parametrize("cast", CASTS)
def test_ids_are_unique_and_fit_a_palette(cast):
    named = [actor.object_id for actor in cast.actors if actor.object_id]
    assert sorted(named) == cast.object_ids
    assert len(set(named)) == len(named) >= 2
    assert 1 <= min(named) <= max(named) <= 255


def test_many_scenes_have_gaps_in_their_ids_and_unnamed_things():
    gaps = [cast.object_ids != list(range(1, len(cast.object_ids) + 1)) for cast in CASTS]
    assert sum(gaps) > len(CASTS) // 2
    assert sum(any(not a.object_id and a.turns for a in cast.actors) for cast in CASTS) > 10
    assert sum(any(not a.turns for a in cast.actors) for cast in CASTS) > 20


def test_every_size_of_object_occurs():
    radii = [actor.radius / 322 for cast in CASTS for actor in cast.actors if actor.object_id]
    assert sum(radius < 0.035 for radius in radii) > 20
    assert sum(0.05 < radius < 0.13 for radius in radii) > 100
    assert sum(radius > 0.14 for radius in radii) > 20


def test_most_scenes_have_look_alikes():
    def largest_family(cast):
        textures = [id(actor.look.texture) for actor in cast.actors if actor.object_id]
        return max(textures.count(texture) for texture in textures)

    assert sum(largest_family(cast) >= 2 for cast in CASTS) == len(CASTS)
    assert sum(largest_family(cast) >= 3 for cast in CASTS) > len(CASTS) // 2


def test_told_scenes_have_clear_colours_and_a_still_camera():
    casts = [draw_cast(seed, (240, 432), scenes="told") for seed in SEEDS]
    for cast in casts:
        assert cast.camera.reach()[0] < 0.3
        looks = [actor.look.described for actor in cast.actors if actor.object_id]
        assert {look.surface for look in looks} <= {"plain", "spots", "stripes"}
        names = {color for look in looks for color in COLORS if _is(look, COLORS[color])}
        assert 1 <= len(names) <= 3
        assert all(any(_is(look, color) for color in COLORS.values()) for look in looks)
        for actor in cast.actors:
            if actor.object_id and not actor.turns:
                assert actor.path.at(0.0) == actor.path.at(20.0)
                assert actor.look.pace == 0.0
    assert sum(any(not a.turns and a.object_id for a in cast.actors) for cast in casts) > 30


def _is(look, color):
    apart = abs((look.hue - color[0] + 0.5) % 1.0 - 0.5)
    return apart < 0.026 and look.saturation == color[1]
