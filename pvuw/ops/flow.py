"""Optical flow as colours, and masks moved along it."""

import math
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

_HUES = (
    ((255, 0, 0), 15),
    ((255, 255, 0), 6),
    ((0, 255, 0), 4),
    ((0, 255, 255), 11),
    ((0, 0, 255), 13),
    ((255, 0, 255), 6),
)
"""Corners of the colour wheel, and the steps from each to the next."""
_EPSILON = 1e-5
_CLOSING = 3
"""Side of the window, in pixels, that closes the cracks of a mask that was stretched."""


def flow_to_rgb(flow: Tensor) -> Tensor:
    """Colours of one frame's flow: hue for direction, paleness for slowness, white for rest.

    The code of Baker et al., 2011, "A Database and Evaluation Methodology for Optical Flow",
    section 4.1.2, as RAFT's `flow_viz` draws it: a vector is divided by the longest one of its own
    frame, so frames must not be drawn together as a batch.

    Args:
        flow: Pixels right, then down, float `[2, H, W]`.

    Returns:
        RGB, uint8 `[3, H, W]`, on the device of the flow.

    Example:
        >>> flow = torch.tensor([[[0.0, 2.0, -1.0]], [[0.0, 0.0, 0.0]]])
        >>> flow_to_rgb(flow)[:, 0].T.tolist()
        [[255, 255, 255], [255, 0, 0], [127, 232, 255]]
    """
    right, down = flow.double().unbind(0)
    longest = (right.square() + down.square()).sqrt().max()
    right, down = right / (longest + _EPSILON), down / (longest + _EPSILON)
    length = (right.square() + down.square()).sqrt()
    wheel = _wheel().to(flow.device)
    place = (torch.atan2(-down, -right) / math.pi + 1) / 2 * (len(wheel) - 1)
    before = place.floor().long()
    weight = (place - before)[..., None]
    hue = (1 - weight) * wheel[before] + weight * wheel[(before + 1) % len(wheel)]
    color = 1 - length[..., None] * (1 - hue)
    return (255 * color).floor().to(torch.uint8).permute(2, 0, 1)


@cache
def _wheel() -> Tensor:
    """Colours around the circle, float64 `[55, 3]` in 0..1."""
    colors: list[tuple[float, ...]] = []
    for position, (corner, steps) in enumerate(_HUES):
        following = _HUES[(position + 1) % len(_HUES)][0]
        for step in range(steps):
            changed = math.floor(255 * step / steps)
            # Exactly one channel differs between two neighbouring corners.
            colors.append(
                tuple(
                    a if a == b else (changed if b > a else 255 - changed)
                    for a, b in zip(corner, following, strict=True)
                )
            )
    return torch.tensor(colors, dtype=torch.float64) / 255


def move_masks(masks: Tensor, flow: Tensor) -> Tensor:
    """Masks of the next frame, each pixel carried along its own flow vector.

    Targets are rounded to whole pixels, those outside the frame are dropped, and cracks of up to
    two pixels in a mask that grew are closed.

    Args:
        masks: Bool `[N, H, W]`.
        flow: From this frame to the next, pixels right, then down, float `[2, H, W]`.

    Returns:
        Bool `[N, H, W]`; two masks may overlap.

    Example:
        >>> mask = torch.zeros(1, 1, 5, dtype=torch.bool)
        >>> mask[0, 0, 1:3] = True
        >>> move_masks(mask, torch.tensor([2.0, 0.0])[:, None, None].expand(2, 1, 5)).int()
        tensor([[[0, 0, 0, 1, 1]]], dtype=torch.int32)
    """
    height, width = masks.shape[-2:]
    slot, row, column = masks.nonzero(as_tuple=True)
    vector = flow[:, row, column].round().long()
    to_row, to_column = row + vector[1], column + vector[0]
    inside = (to_row >= 0) & (to_row < height) & (to_column >= 0) & (to_column < width)
    moved = torch.zeros_like(masks)
    moved[slot[inside], to_row[inside], to_column[inside]] = True
    return _close(moved) if len(masks) else moved


def _close(masks: Tensor) -> Tensor:
    """Dilation, then erosion, over a frame that is one pixel wider on each side."""
    wider = functional.pad(masks[:, None].float(), (1, 1, 1, 1))
    grown = functional.max_pool2d(wider, _CLOSING, 1, 1)
    shrunk = -functional.max_pool2d(-grown, _CLOSING, 1)
    return shrunk[:, 0] > 0
