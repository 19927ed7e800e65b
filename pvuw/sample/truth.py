"""Exact truth: which object each pixel shows, and which objects are seen at all."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pvuw.sample.actors import Actor, Pose
from pvuw.sample.cast import Cast
from pvuw.sample.events import Visibility
from pvuw.sample.raster import Layer, rasterize


@dataclass(frozen=True)
class Drawn:
    """One actor in one frame."""

    actor: Actor
    pose: Pose
    layer: Layer | None
    """None where it is outside the frame."""


def draw_actors(cast: Cast, time: int) -> list[Drawn]:
    """Draw every actor on its own, back to front."""
    camera = cast.camera.at(float(time))
    poses = [(actor, actor.pose(float(time), camera, cast.shutter)) for actor in cast.actors]
    return [Drawn(actor, pose, rasterize(actor.look, pose, cast.size_hw)) for actor, pose in poses]


def stack(drawn: Sequence[Drawn], size_hw: tuple[int, int]) -> NDArray[np.uint8]:
    """Return the id of the front-most body at the centre of each pixel, uint8 `[H, W]`."""
    id_map = np.zeros(size_hw, np.uint8)
    for one in drawn:
        if one.layer is not None:
            top, left, bottom, right = one.layer.box
            id_map[top:bottom, left:right][one.layer.mask] = one.actor.object_id
    return id_map


def states(drawn: Sequence[Drawn], id_map: NDArray[np.uint8]) -> dict[int, Visibility]:
    """Return the state of every annotated object, by id."""
    return {
        one.actor.object_id: _state(one, id_map)
        for one in sorted(drawn, key=lambda one: one.actor.object_id)
        if one.actor.object_id
    }


def _state(one: Drawn, id_map: NDArray[np.uint8]) -> Visibility:
    if one.layer is None or not one.layer.mask.any():
        return Visibility.OUTSIDE
    top, left, bottom, right = one.layer.box
    seen = (id_map[top:bottom, left:right] == one.actor.object_id).any()
    return Visibility.VISIBLE if seen else Visibility.COVERED
