"""How busy the picture itself is: texture, clutter, change from frame to frame."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

_LONG_SIDE = 160  # pixels the frame is brought to: the features do not depend on its size
_EDGE = 0.12  # gradient length above which a pixel counts as edge, brightness 0..1 per pixel


class SceneMeter:
    """Measures frames one by one; keeps the last one, 160 pixels wide.

    The three figures are ours: texture and clutter tell fine structure everywhere from strong
    outlines, change takes camera and objects together.

    Example:
        >>> meter = SceneMeter()
        >>> flat = np.full((90, 160, 3), 100, dtype=np.uint8)
        >>> meter.update(flat), meter.update(flat + 51)
        ((0.0, 0.0, 0.0), (0.0, 0.0, 0.2))
    """

    def __init__(self) -> None:
        self._last: NDArray[np.float32] | None = None

    def update(self, frame: NDArray[np.uint8] | None) -> tuple[float, float, float]:
        """Return texture, clutter and change of the next frame, 0..1 each; NaN without a frame.

        Args:
            frame: RGB, uint8 `[H, W, 3]`, of any size that stays the same.
        """
        if frame is None:
            return math.nan, math.nan, math.nan
        scale = _LONG_SIDE / max(frame.shape[:2])
        size = (max(1, round(frame.shape[1] * scale)), max(1, round(frame.shape[0] * scale)))
        grey = cv2.cvtColor(
            cv2.resize(frame, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY
        )
        light: NDArray[np.float32] = (grey / 255).astype(np.float32)
        # Central differences: the kernel (-1, 0, 1) halved.
        slopes = [cv2.Sobel(light, cv2.CV_32F, dx, 1 - dx, ksize=1, scale=0.5) for dx in (1, 0)]
        gradient = cv2.magnitude(*slopes)
        last, self._last = self._last, light
        change = 0.0 if last is None or last.shape != light.shape else cv2.absdiff(light, last)
        return (
            float(gradient.mean()),
            float((gradient > _EDGE).mean()),
            round(float(np.mean(change)), 6),
        )
