"""The one resize and crop of a training clip, the same for all its frames and masks."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import albumentations as A
import cv2
import numpy as np
from numpy.typing import NDArray

from datamodules.clip_sampling import ClipConfig


class Window(NamedTuple):
    """A rectangle in pixels, lower bounds included, upper ones not."""

    top: int
    left: int
    bottom: int
    right: int


def resized_hw(
    size_hw: tuple[int, int], config: ClipConfig, *, size: int | None = None
) -> tuple[int, int]:
    """Return the size a frame is resized to before any crop.

    Args:
        size_hw: Size of the frame.
        config: How it gets to training size.
        size: Training resolution; default: `config.side`.

    Example:
        >>> resized_hw((480, 854), ClipConfig(size=240, fit="keep"))
        (240, 427)
        >>> resized_hw((480, 854), ClipConfig(size=240, fit="keep", size_multiple=16))
        (240, 432)
    """
    size = size or config.side
    if config.fit == "stretch":
        return size, size
    height, width = size_hw
    step = config.size_multiple if config.fit == "keep" else 1
    scale = size / min(height, width) / step
    return max(round(height * scale) * step, size), max(round(width * scale) * step, size)


def resize_ids(ids: NDArray[np.uint8], size_hw: tuple[int, int]) -> NDArray[np.uint8]:
    """Return an id map at another size, nearest-exact, pixel for pixel as `transform_clip` does."""
    height, width = size_hw
    resized = cv2.resize(ids, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
    return np.asarray(resized, dtype=np.uint8)


def draw_window(
    rng: np.random.Generator, config: ClipConfig, *, target: NDArray[np.bool_]
) -> Window:
    """Return the part of the resized frame to keep; with `crop` a random square with target in it.

    Args:
        rng: The clip's random numbers.
        config: Size and fit.
        target: An object on the clip's first frame, bool `[h, w]` at resized size, not empty.
    """
    height, width = target.shape
    if config.fit != "crop":
        return Window(0, 0, height, width)
    pixels = np.argwhere(target)
    row, column = pixels[rng.integers(len(pixels))].tolist()
    top, left = (
        int(rng.integers(max(0, at - config.side + 1), min(at, extent - config.side) + 1))
        for at, extent in ((row, height), (column, width))
    )
    return Window(top, left, top + config.side, left + config.side)


class ClipTransform:
    """Resizes, crops and mirrors a clip.

    Args:
        size_hw: Size of the resized frame.
        window: Part of it to keep.
        flip: Mirror left to right.
    """

    def __init__(self, size_hw: tuple[int, int], window: Window, *, flip: bool) -> None:
        steps: list[Any] = [
            # Area averaging is the closest to the antialiased bicubic resize frames get in
            # prediction (mean difference 0.8 grey levels at 854x480 -> 256x256, bilinear 2.1).
            A.Resize(
                *size_hw,
                interpolation=cv2.INTER_CUBIC,
                mask_interpolation=cv2.INTER_NEAREST_EXACT,
                area_for_downscale="image",
            )
        ]
        if window != Window(0, 0, *size_hw):
            steps.append(A.Crop(window.left, window.top, window.right, window.bottom))
        if flip:
            steps.append(A.HorizontalFlip(p=1.0))
        self._compose = A.Compose(steps)

    def __call__(
        self, frames: Sequence[NDArray[np.uint8]], id_maps: Sequence[NDArray[np.uint8]]
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return frames, uint8 `[T, h, w, 3]`, and id maps, uint8 `[M, h, w]`.

        Args:
            frames: Uint8 `[H, W, 3]` each.
            id_maps: Uint8 `[H, W]` each, resized without mixing values.
        """
        result = self._compose(images=list(frames), masks=list(id_maps))
        return np.stack(result["images"]), np.stack(result["masks"])
