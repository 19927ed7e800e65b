"""Frames and exact truth of one generated video, in any order and of any length."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pvuw.errors import DataError
from pvuw.sample.actors import Vector
from pvuw.sample.cast import Cast, Scenes, draw_cast
from pvuw.sample.events import Absence, EventLog, Visibility
from pvuw.sample.exact import Draw, sine
from pvuw.sample.noise import FloatArray, value_noise
from pvuw.sample.raster import composite, darken_ground
from pvuw.sample.scenery import paint_backdrop
from pvuw.sample.truth import Drawn, draw_actors, stack, states

MIN_EDGE = 32
"""Pixels: in smaller frames the objects would be a few pixels each."""
MIN_START_AREA = 0.005
"""Share of the first frame that its largest object fills at least."""
MIN_START_SHOWN = 0.3
"""Share of every object but latecomers that the first frame shows at least."""
Lens = Literal["colour", "thermal"]
"""`thermal`: one channel, bright where `colour` is dark, half the contrast. Same masks."""
GRAIN = 9.0
"""Spread of the sensor noise, grey levels."""
GRAIN_SHIFT = (61, 59)
"""Rows and columns the grain moves over: two primes, so that it repeats after their product."""


@dataclass(frozen=True)
class SampleFrame:
    """One frame with its truth."""

    frame: NDArray[np.uint8]
    """RGB `[H, W, 3]`."""
    id_map: NDArray[np.uint8]
    """Id of the object whose surface the centre of each pixel shows, `[H, W]`; 0 is none."""
    states: dict[int, Visibility]
    """State of every annotated object of the video, also of those not seen in this frame."""
    drawn: tuple[Drawn, ...]
    """Every actor on its own, back to front."""


@dataclass(frozen=True)
class SampleClip:
    """A whole short video in memory."""

    frames: NDArray[np.uint8]
    """RGB `[T, H, W, 3]`."""
    id_maps: NDArray[np.uint8]
    """`[T, H, W]`."""
    object_ids: list[int]
    """Ids of all annotated objects, ascending, also of those that are never seen."""
    absences: list[Absence]
    """By first frame, then object id."""


class Scene:
    """A planned video; a frame depends on nothing but the plan and its index.

    Args:
        cast: What moves.
        seed: Seed of backdrop and grain.
        lens: What the camera sees.
    """

    def __init__(self, cast: Cast, seed: int, *, lens: Lens = "colour") -> None:
        height, width = cast.size_hw
        draw = Draw(seed)
        self.cast = cast
        self.lens = lens
        reach = cast.camera.reach()
        # One pixel for interpolation and one for `sine`, which overshoots by up to 0.1 %.
        self._rest = (reach[0] + 2.0, reach[1] + 2.0)
        size = (int(2.0 * self._rest[1]) + height + 1, int(2.0 * self._rest[0]) + width + 1)
        self._backdrop = paint_backdrop(draw, cast.theme, size, math.sqrt(height * width))
        tile = (height + GRAIN_SHIFT[0], width + GRAIN_SHIFT[1])
        self._grain = GRAIN * (value_noise(draw, tile, 1) - 0.5)
        self._flicker = draw.uniform(0.0, 0.1)

    def frame(self, time: int) -> SampleFrame:
        """Draw frame `time`, counted from 0."""
        drawn = draw_actors(self.cast, time)
        id_map = stack(drawn, self.cast.size_hw)
        picture = self._pan(self.cast.camera.at(float(time)))
        for one in drawn:
            if one.actor.look.shadow:
                darken_ground(picture, one.actor.look, one.pose)
            if one.layer is not None:
                composite(picture, one.layer)
        return SampleFrame(self._expose(picture, time), id_map, states(drawn, id_map), tuple(drawn))

    def _pan(self, camera: Vector) -> FloatArray:
        """Cut the frame out of the backdrop at fractions of a pixel, float32 `[H, W, 3]`."""
        height, width = self.cast.size_hw
        x, y = self._rest[0] + camera[0], self._rest[1] + camera[1]
        left, top = int(x), int(y)
        lower, right = np.float32(y - top), np.float32(x - left)
        band = self._backdrop[top : top + height + 1, left : left + width + 1]
        rows = band[:-1] + lower * (band[1:] - band[:-1])
        return rows[:, :-1] + right * (rows[:, 1:] - rows[:, :-1])

    def _expose(self, picture: FloatArray, time: int) -> NDArray[np.uint8]:
        """Turn light into grey levels: exposure, sensor noise, rounding; spends `picture`."""
        height, width = self.cast.size_hw
        top, left = time * 23 % GRAIN_SHIFT[0], time * 31 % GRAIN_SHIFT[1]
        picture *= 1.0 + self._flicker * sine(time / 37.0)
        if self.lens == "thermal":
            picture[:] = _heat(picture)[..., None]
        picture += self._grain[top : top + height, left : left + width, None]
        np.clip(picture, 0.0, 255.0, out=picture)
        picture += 0.5
        return picture.astype(np.uint8)


def _heat(picture: FloatArray) -> FloatArray:
    """Grey levels of a thermal camera, float32 `[H, W]`: dark is hot, contrast is low."""
    bright = picture[..., 0] * np.float32(0.25) + picture[..., 1] * np.float32(0.5)
    bright = bright + picture[..., 2] * np.float32(0.25)
    return np.asarray(np.float32(190.0) - bright * np.float32(0.5), dtype=np.float32)


def check_size(size_hw: tuple[int, int]) -> None:
    """Return nothing if frames of this size can show something.

    Raises:
        DataError: If they are too small.
    """
    if min(size_hw) < MIN_EDGE:
        raise DataError(
            f"sample video: size must be at least {MIN_EDGE} {MIN_EDGE} (height width), "
            f"got {size_hw[0]} {size_hw[1]}; choose a larger size"
        )


def plan_scene(
    seed: int,
    size_hw: tuple[int, int],
    *,
    scenes: Scenes = "crowd",
    lens: Lens = "colour",
) -> Scene:
    """Return the scene of a seed; frame 0 shows all objects but latecomers.

    Args:
        seed: In 0..2**32-1.
        size_hw: Height and width of the frames.
        scenes: How hard the video is.
        lens: What the camera sees.

    Raises:
        DataError: If the frames are too small to show anything.
    """
    check_size(size_hw)
    attempt = seed
    while not _starts_well(cast := draw_cast(attempt, size_hw, scenes=scenes)):
        attempt = (attempt + 0x9E3779B1) % 2**32  # odd, so every seed's turn comes
    return Scene(cast, attempt, lens=lens)


def _starts_well(cast: Cast) -> bool:
    """Whether all but the latecomers are seen in frame 0, and one of them is of a fair size."""
    drawn = draw_actors(cast, 0)
    areas = np.bincount(stack(drawn, cast.size_hw).ravel(), minlength=256)
    for one in drawn:
        if one.actor.object_id and not one.actor.path.entry_frames:
            whole = int(one.layer.mask.sum()) if one.layer is not None else 0
            if areas[one.actor.object_id] <= MIN_START_SHOWN * whole:
                return False
    return bool(areas[1:].max() >= MIN_START_AREA * areas.sum())


def generate_video(
    seed: int,
    *,
    num_frames: int,
    size_hw: tuple[int, int],
    scenes: Scenes = "crowd",
    lens: Lens = "colour",
) -> Iterator[SampleFrame]:
    """Yield the frames of one video; a longer one starts with the frames of the shorter.

    Args:
        seed: In 0..2**32-1.
        num_frames: How many frames; memory does not grow with it.
        size_hw: Height and width of the frames.
        scenes: How hard the video is.
        lens: What the camera sees.

    Raises:
        DataError: If the frames are too small to show anything.
    """
    scene = plan_scene(seed, size_hw, scenes=scenes, lens=lens)
    for time in range(num_frames):
        yield scene.frame(time)


def generate_clip(
    seed: int, *, num_frames: int = 8, size_hw: tuple[int, int] = (64, 96)
) -> SampleClip:
    """Return one whole video in memory, by default a tiny one that is drawn in under 0.1 s.

    Args:
        seed: In 0..2**32-1.
        num_frames: How many frames, at least one.
        size_hw: Height and width of the frames.

    Raises:
        DataError: If the frames are too small to show anything.
    """
    log, shown = EventLog(), []
    for sample in generate_video(seed, num_frames=num_frames, size_hw=size_hw):
        log.add(sample.states)
        shown.append(sample)
    return SampleClip(
        frames=np.stack([sample.frame for sample in shown]),
        id_maps=np.stack([sample.id_map for sample in shown]),
        object_ids=list(shown[0].states),
        absences=log.absences(),
    )
