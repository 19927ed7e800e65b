"""Sine codes of places, and boxes before and after the sigmoid."""

import math

import torch
from torch import Tensor

BOX_EPS = 1e-3
"""How near to 0 and 1 the sides of a box are taken before they are turned into logits."""
IMAGE_TEMPERATURE, BOX_TEMPERATURE = 20.0, 10000.0


def sine_code(places: Tensor, channels: int, temperature: float | None = None) -> Tensor:
    """Sines and cosines of numbers, one beside the other, float `[..., channels]`.

    Args:
        places: Numbers, usually in 0..1, float `[...]`; multiplied by two pi here.
        channels: Length of the code, even.
        temperature: The slowest wave is about this much longer than the fastest; default: as for
            boxes and words.
    """
    steps = torch.arange(0, channels, 2, dtype=torch.float32, device=places.device)
    waves = (temperature or BOX_TEMPERATURE) ** (steps / channels)
    angles = (places * 2 * math.pi)[..., None] / waves
    return torch.stack([angles.sin(), angles.cos()], -1).flatten(-2)


def box_code(boxes: Tensor, channels: int) -> Tensor:
    """Codes of boxes: row, column, width, height; float `[..., 4 * channels]`.

    Args:
        boxes: Centre column and row, width and height in 0..1, float `[..., 4]`.
        channels: Length of the code of each number.
    """
    column, row, width, height = boxes.unbind(-1)
    return torch.cat([sine_code(part, channels) for part in (row, column, width, height)], -1)


def map_code(height: int, width: int, channels: int, device: torch.device) -> Tensor:
    """Codes of the cells of a map, by rows: float `[height * width, channels]`.

    Args:
        height: Cells from top to bottom.
        width: Cells from left to right.
        channels: Length of a code, half of it for the row.
        device: Where it is needed.
    """
    rows, columns = (
        torch.arange(1, count + 1, dtype=torch.float32, device=device) / (count + 1e-6)
        for count in (height, width)
    )
    half = channels // 2
    row = sine_code(rows, half, IMAGE_TEMPERATURE)[:, None].expand(-1, width, -1)
    column = sine_code(columns, half, IMAGE_TEMPERATURE)[None].expand(height, -1, -1)
    return torch.cat([row, column], -1).flatten(0, 1)


def cell_centres(height: int, width: int, device: torch.device) -> Tensor:
    """Column and row of the centres of a map's cells in 0..1, float `[height * width, 2]`."""
    rows = (torch.arange(height, dtype=torch.float32, device=device) + 0.5) / height
    columns = (torch.arange(width, dtype=torch.float32, device=device) + 0.5) / width
    row, column = torch.meshgrid(rows, columns, indexing="ij")
    return torch.stack([column, row], -1).flatten(0, 1)


def logit(shares: Tensor) -> Tensor:
    """The inverse of the sigmoid, of numbers in 0..1 that are kept `BOX_EPS` from both ends."""
    shares = shares.clamp(0, 1)
    return (shares.clamp(min=BOX_EPS) / (1 - shares).clamp(min=BOX_EPS)).log()
