"""Pictures of masks on frames. NumPy and Pillow only, no torch."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from pvuw.io.atomic import atomic_path
from pvuw.io.masks import davis_palette

_MARGIN = 4
_LABEL_HEIGHT = 16
_LINES = 4
"""Lines of a caption at most."""


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


class Caption:
    """A line or more of text in a band above each frame of a video.

    Letters are those of Pillow's own font, which has no more than Latin ones; others are boxes.

    Args:
        text: The text.
        width: Width of the frames, pixels.
    """

    def __init__(self, text: str, width: int) -> None:
        size = max(11, width // 30)
        pen = ImageDraw.Draw(Image.new("RGB", (1, 1)))
        font = ImageFont.load_default(size)
        lines = [""]
        for word in text.split():
            longer = f"{lines[-1]} {word}".strip()
            if lines[-1] and pen.textlength(longer, font=font) > width - 2 * _MARGIN:
                lines.append(word)
            else:
                lines[-1] = longer
        if len(lines) > _LINES:
            lines = [*lines[: _LINES - 1], f"{lines[_LINES - 1]} ..."]
        band = Image.new("RGB", (width, len(lines) * (size + _MARGIN) + _MARGIN), "black")
        pen = ImageDraw.Draw(band)
        for row, line in enumerate(lines):
            pen.text((_MARGIN, row * (size + _MARGIN)), line, fill="white", font=font)
        self._band = np.asarray(band)

    def above(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return a frame, RGB `[H, W, 3]`, below the band."""
        return np.concatenate([self._band, frame])


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
