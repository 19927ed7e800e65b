"""Contact sheets: a few frames of a video with its masks, as pictures inside the page."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pvuw.draw import overlay
from pvuw.io.masks import read_id_map
from pvuw.mose_plus.build.manifest import BuiltVideo, ManifestEntry
from pvuw.mose_plus.report.data import Videos
from pvuw.traits.pixels import read_reduced

WIDTH = 240
_DRAWN_WIDTH = 2 * WIDTH  # outlines are drawn here, so that they are half a pixel wide in the page
_MAX_RATIO = 1.2  # height over width: portrait videos must not fill the page
_QUALITY = 70
_MOST_VIDEOS = 72  # in the whole page: about 40 kB each
_MOST_PER_SOURCE = 12


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """One frame with its masks."""

    frame_name: str
    """Stem of the frame's file name."""
    position: int
    """Of the frame in the built video."""
    width: int
    height: int
    jpeg: bytes

    @property
    def uri(self) -> str:
        """The picture itself as the address of an image."""
        return "data:image/jpeg;base64," + base64.b64encode(self.jpeg).decode()


def videos_per_source(num_sources: int) -> int:
    """Return how many videos of each source have room in the page.

    Example:
        >>> videos_per_source(5), videos_per_source(11), videos_per_source(100)
        (12, 6, 1)
    """
    return min(_MOST_PER_SOURCE, max(1, _MOST_VIDEOS // max(num_sources, 1)))


def spread(videos: Sequence[ManifestEntry], count: int) -> list[ManifestEntry]:
    """Return at most `count` of the videos, evenly spread from the nearest to MOSE to the farthest.

    Args:
        videos: Videos of one source.
        count: How many, at least 1.
    """
    ranked = sorted(videos, key=lambda v: (v.distance is None, v.distance or 0.0, v.key))
    chosen = np.linspace(0, len(ranked) - 1, min(count, len(ranked))).round().astype(int)
    return [ranked[i] for i in chosen]


@dataclass(frozen=True)
class Sheet:
    """The videos of one source that are shown."""

    source: str
    videos: list[ManifestEntry]
    left_out: int


def sheets_of(sources: Sequence[Videos]) -> list[Sheet]:
    """Return a sheet for each source with admitted videos."""
    shown = [videos for videos in sources if videos.admitted]
    room = videos_per_source(len(shown))
    return [
        Sheet(videos.name, spread(videos.admitted, room), max(0, len(videos.admitted) - room))
        for videos in shown
    ]


def thumbnails(video: BuiltVideo, build: Path) -> list[Thumbnail]:
    """Return the first, the middle and the last frame of a built video, fewer of a shorter one.

    Args:
        video: The video.
        build: Folder of the build.

    Raises:
        DataError: If a frame or mask cannot be read.
    """
    last = video.num_frames - 1
    return [_thumbnail(video, position, build) for position in sorted({0, last // 2, last})]


def _thumbnail(video: BuiltVideo, position: int, build: Path) -> Thumbnail:
    name = video.frame_names[position]
    frame = read_reduced(video.frames_dir(build) / f"{name}.jpg", "RGB", min_side=_DRAWN_WIDTH)
    id_map = read_id_map(video.masks_dir(build) / f"{name}.png")
    height = min(round(WIDTH * id_map.shape[0] / id_map.shape[1]), round(WIDTH * _MAX_RATIO))
    width = round(height * id_map.shape[1] / id_map.shape[0])
    drawn = (2 * width, 2 * height)
    colours = Image.fromarray(frame).resize(drawn, Image.Resampling.BILINEAR)
    ids = Image.fromarray(id_map).resize(drawn, Image.Resampling.NEAREST)
    return Thumbnail(name, position, width, height, _jpeg(colours, np.asarray(ids)))


def _jpeg(frame: Image.Image, id_map: NDArray[np.uint8]) -> bytes:
    painted = Image.fromarray(overlay(np.asarray(frame), id_map, opacity=0.45))
    stream = io.BytesIO()
    painted.reduce(2).save(stream, format="JPEG", quality=_QUALITY, optimize=True)
    return stream.getvalue()
