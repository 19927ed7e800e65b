"""Pictures of masks on frames. NumPy and Pillow only, no torch."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pvuw.io.atomic import atomic_path
from pvuw.io.masks import davis_palette

_MARGIN = 4
_LABEL_HEIGHT = 16


def overlay(
    frame: NDArray[np.uint8], id_map: NDArray[np.uint8], *, opacity: float = 0.55
) -> NDArray[np.uint8]:
    """The frame with every object tinted in its palette colour and outlined in white.

    Args:
        frame: RGB, uint8 `[H, W, 3]`.
        id_map: File ids, uint8 `[H, W]`.
        opacity: Share of the palette colour inside an object, 0..1.
    """
    colours = davis_palette().astype(np.float32)[id_map]
    inside = (id_map > 0)[..., None]
    tinted = np.where(inside, (1 - opacity) * frame + opacity * colours, frame)
    edge = np.zeros(id_map.shape, dtype=bool)
    edge[:, 1:] |= id_map[:, 1:] != id_map[:, :-1]
    edge[1:] |= id_map[1:] != id_map[:-1]
    tinted[edge] = 255
    return tinted.round().astype(np.uint8)


def contact_sheet(
    rows: Sequence[tuple[str, Sequence[NDArray[np.uint8]]]], *, cell_width: int = 240
) -> Image.Image:
    """One picture of labelled rows of images, all cells equally wide.

    Args:
        rows: Label and images (RGB, uint8 `[H, W, 3]`) of each row.
        cell_width: Width of every image, pixels.
    """
    cells = [(label, [_scaled(image, cell_width) for image in images]) for label, images in rows]
    columns = max(len(images) for _, images in cells)
    heights = [_LABEL_HEIGHT + max(image.height for image in images) for _, images in cells]
    size = (columns * (cell_width + _MARGIN) + _MARGIN, sum(heights) + _MARGIN * (len(cells) + 1))
    sheet = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(sheet)
    top = _MARGIN
    for (label, images), height in zip(cells, heights, strict=True):
        pen.text((_MARGIN, top), label, fill="black")
        for column, image in enumerate(images):
            sheet.paste(image, (_MARGIN + column * (cell_width + _MARGIN), top + _LABEL_HEIGHT))
        top += height + _MARGIN
    return sheet


def save_picture(path: Path, picture: Image.Image) -> None:
    """Write a picture as PNG, whole or not at all."""
    with atomic_path(path) as temporary:
        picture.save(temporary, format="PNG", optimize=True)


def _scaled(image: NDArray[np.uint8], width: int) -> Image.Image:
    height = max(1, round(image.shape[0] * width / image.shape[1]))
    return Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR)
