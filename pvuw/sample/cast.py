"""Who appears in a scene: the same for a seed and a size on every machine."""

import math
from dataclasses import dataclass, replace
from typing import Literal

from pvuw.sample.actors import Actor, Camera, Look, Path, Vector
from pvuw.sample.acts import ACTS, Act
from pvuw.sample.exact import Draw
from pvuw.sample.paths import Stage, come_late, cross, hide, leave, wander
from pvuw.sample.scenery import THEMES, Theme, bush, post
from pvuw.sample.species import COLORS, GROUNDED, Kind, clear_kind, individual, new_kind

MIN_RADIUS = 2.0
"""Pixels per body unit of the smallest body: fewer and it vanishes between pixels."""
Scenes = Literal["crowd", "calm", "told"]
"""`crowd`: MOSE's difficulties, see docs/sample.md. `calm`: two or three large bodies, each of its
own kind, that walk about, pass each other and a thin post, and never leave. `told`: bodies of clear
colours, each of which does one thing that words can tell."""
UNNAMED = -1
"""Object id of an actor that is to be annotated but has no id yet."""


@dataclass(frozen=True)
class Cast:
    """Everything that moves, and how it is filmed."""

    size_hw: tuple[int, int]
    theme: Theme
    actors: tuple[Actor, ...]
    """Back to front."""
    camera: Camera
    shutter: float
    """Frames the shutter is open."""

    @property
    def object_ids(self) -> list[int]:
        """Ids of the annotated actors, ascending."""
        return sorted(actor.object_id for actor in self.actors if actor.object_id)


class _Casting:
    """Fills a scene role by role."""

    def __init__(self, draw: Draw, size_hw: tuple[int, int], camera: Camera) -> None:
        unit = math.sqrt(size_hw[0] * size_hw[1])
        self.draw = draw
        self.stage = Stage(*size_hw, unit, camera.reach())
        self.theme = THEMES[draw.pick(tuple(THEMES))]
        self.herd = self._kind()
        self.herd_radius = draw.uniform(0.07, 0.115) * unit
        self.actors: list[Actor] = []
        self.covers: list[Actor] = []

    def _kind(self) -> Kind:
        return new_kind(self.draw, self.draw.pick(self.theme.species))

    def _sibling(self, limit: float = 1.0) -> tuple[Look, float]:
        radius = min(self.herd_radius, limit * self.stage.unit) * self.draw.uniform(0.93, 1.07)
        return individual(self.draw, self.herd), max(radius, MIN_RADIUS)

    def _home(self) -> Vector:
        draw, stage = self.draw, self.stage
        return draw.uniform(0.2, 0.8) * stage.width, draw.uniform(0.25, 0.8) * stage.height

    def add(self, kind: Kind, look: Look, path: Path, radius: float, *, object_id: int) -> None:
        """Add one body."""
        grounded = kind.name in GROUNDED
        self.actors.append(
            Actor(
                object_id=object_id,
                look=look,
                path=path,
                radius=radius,
                breath=self.draw.uniform(0.0, 0.12),
                tilt=self.draw.uniform(0.0, 0.015 if grounded else 0.06),
            )
        )

    def siblings(self, count: int, *, object_id: int = UNNAMED) -> None:
        """Add look-alikes that wander about."""
        for _ in range(count):
            look, radius = self._sibling()
            path = wander(self.draw, self.stage, radius, self._home())
            self.add(self.herd, look, path, radius, object_id=object_id)

    def crossing(self) -> None:
        """Add two look-alikes whose ways cross."""
        looks = [self._sibling() for _ in range(2)]
        for (look, radius), path in zip(
            looks, cross(self.draw, self.stage, self.herd_radius), strict=True
        ):
            self.add(self.herd, look, path, radius, object_id=UNNAMED)

    def hiding(self) -> None:
        """Add a look-alike that goes behind something, and that something."""
        look, radius = self._sibling(0.065)
        path, place, half_size = hide(self.draw, self.stage, radius, look)
        if self.draw.chance(0.7):
            # Runs out of the frame above and below, so its sides are straight where it is seen.
            cover = post(self.draw, 1.2 * self.stage.height / half_size[0])
            cover_radius = half_size[0]
        else:
            cover = bush(self.draw, self.theme.clutter or self.theme.near)
            cover_radius = 1.45 * max(half_size[0], half_size[1] / 1.6)
        self.covers.append(Actor(0, cover, Path(place), cover_radius, turns=False))
        # Its size stays, or the cover might be too small.
        self.actors.append(Actor(UNNAMED, look, path, radius))

    def leaving(self) -> None:
        """Add a look-alike that leaves the frame and returns."""
        look, radius = self._sibling()
        path = leave(self.draw, self.stage, radius, look)
        self.add(self.herd, look, path, radius, object_id=UNNAMED)

    def latecomer(self) -> None:
        """Add a body that is not there at the start."""
        kind = self.herd if self.draw.chance(0.6) else self._kind()
        look, radius = individual(self.draw, kind), max(self.herd_radius, MIN_RADIUS)
        path = come_late(self.draw, self.stage, radius, look)
        self.add(kind, look, path, radius, object_id=UNNAMED)

    def stranger(self, low: float, high: float) -> None:
        """Add one of another kind; its size is a fraction of the frame's."""
        kind = self._kind()
        radius = max(self.draw.uniform(low, high) * self.stage.unit, MIN_RADIUS)
        path = wander(self.draw, self.stage, radius, self._home())
        self.add(kind, individual(self.draw, kind), path, radius, object_id=UNNAMED)

    def told(self, kind: Kind, act: Act, level: float) -> None:
        """Add the body of an act on a level, a fraction of the frame's height from its top."""
        look = individual(self.draw, kind)
        radius = max(self.draw.uniform(0.055, 0.11) * self.stage.unit, MIN_RADIUS)
        reach = look.extent()[0] * radius
        path = act(self.draw, self.stage, radius, reach, level * self.stage.height)
        self._act(look, path, radius)

    def passing(self, first: Kind, second: Kind) -> None:
        """Add one that goes behind another, which stands in its way."""
        self.told(first, ACTS["go"], self.draw.uniform(0.35, 0.7))
        walker = self.actors[-1]
        x, y = walker.path.center
        place = (x + 0.5 * walker.path.entry_offset[0], y + 0.5 * walker.radius)
        self._act(individual(self.draw, second), Path(place), 1.1 * walker.radius)

    def _act(self, look: Look, path: Path, radius: float) -> None:
        """Add a body; one that stays in place neither turns nor moves its limbs."""
        goes = bool(path.entry_frames or path.swing[0])
        look = look if goes else replace(look, pace=0.0)
        self.actors.append(Actor(UNNAMED, look, path, radius, turns=goes))

    def thin_post(self) -> None:
        """Add a post that covers a part of what passes behind it."""
        half_width = self.draw.uniform(0.012, 0.025) * self.stage.unit
        place = self.draw.uniform(0.3, 0.7) * self.stage.width, 0.5 * self.stage.height
        look = post(self.draw, 1.2 * self.stage.height / half_width)
        self.covers.append(Actor(0, look, Path(place), half_width, turns=False))

    def finished(self) -> tuple[Actor, ...]:
        """Return the actors back to front, named in random order with gaps between the ids."""
        ids, last = [], 0
        for _ in self.actors:
            last += self.draw.pick((1, 1, 2, 3))
            ids.append(last)
        names = iter(self.draw.shuffled(ids))
        named = [
            replace(actor, object_id=next(names)) if actor.object_id == UNNAMED else actor
            for actor in self.actors
        ]
        # Who stands lower in the picture is nearer.
        named.sort(key=lambda actor: actor.path.center[1] + actor.radius)
        return (*named, *self.covers)


def draw_cast(seed: int, size_hw: tuple[int, int], *, scenes: Scenes = "crowd") -> Cast:
    """Return the cast of a seed; `pvuw.sample.scene.plan_scene` rejects those with a poor start."""
    draw = Draw(seed)
    camera = _draw_camera(draw, size_hw)
    if scenes == "told":  # a still camera: who stands, stands still in the picture too
        camera = replace(camera, swing=(0.0, 0.0), shake=0.25 * camera.shake)
    casting = _Casting(draw, size_hw, camera)
    if scenes == "calm":
        _cast_calm(casting)
    elif scenes == "told":
        _cast_told(casting)
    else:
        _cast_crowd(casting)
    shutter = draw.pick((0.0, 0.3, 0.6))
    return Cast(size_hw, casting.theme, casting.finished(), camera, shutter)


def _cast_crowd(casting: _Casting) -> None:
    draw = casting.draw
    crossing, hiding = draw.chance(0.6), draw.chance(0.8)
    if draw.chance(0.6):
        casting.stranger(0.14, 0.2)
    if crossing:
        casting.crossing()
    if hiding:
        casting.hiding()
    if draw.chance(0.55) or not (crossing or hiding):
        casting.leaving()
    casting.siblings(draw.integer(1, 2) if not crossing else draw.integer(0, 1))
    if draw.chance(0.5):
        casting.latecomer()
    for _ in range(draw.pick((0, 0, 1, 2))):
        casting.stranger(0.02, 0.032)
    if draw.chance(0.4):
        casting.siblings(1, object_id=0)


def _cast_calm(casting: _Casting) -> None:
    draw = casting.draw
    for _ in range(draw.integer(2, 3)):
        casting.stranger(0.12, 0.19)
    if draw.chance(0.5):
        casting.thin_post()


def _cast_told(casting: _Casting) -> None:
    """Cast two or three kinds, of which each individual does another thing."""
    draw = casting.draw
    colors = draw.shuffled(tuple(COLORS))
    kinds = [
        clear_kind(draw, draw.pick(casting.theme.species), COLORS[color])
        for color in colors[: draw.pick((2, 3, 3))]
    ]
    acts = draw.shuffled(tuple(ACTS))[: draw.integer(2, 4)]
    levels = draw.shuffled([0.3 + 0.55 * (n + 0.5) / len(acts) for n in range(len(acts))])
    for act, level in zip(acts, levels, strict=True):
        casting.told(draw.pick(kinds), ACTS[act], level)
    if draw.chance(0.5):
        casting.passing(*draw.shuffled(kinds)[:2])
    if draw.chance(0.25):
        casting.herd = draw.pick(kinds)
        casting.hiding()


def _draw_camera(draw: Draw, size_hw: tuple[int, int]) -> Camera:
    height, width = size_hw
    return Camera(
        swing=(draw.uniform(0.02, 0.08) * width, draw.uniform(0.01, 0.03) * height),
        period=(draw.uniform(50.0, 90.0), draw.uniform(40.0, 70.0)),
        phase=(draw.uniform(0.0, 1.0), draw.uniform(0.0, 1.0)),
        shake=draw.uniform(0.0, 0.004) * height,
    )
