"""Frames into an H.264 mp4 that plays anywhere, one frame in memory at a time."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pvuw.errors import DataError
from pvuw.io.atomic import atomic_path

_QUALITY = "20"  # x264's constant rate factor: outlines of masks stay sharp


def write_movie(path: Path, frames: Iterable[NDArray[np.uint8]], *, fps: float) -> int:
    """Write an mp4, whole or not at all; return its number of frames.

    Players want even sizes: an odd last row or column is shown twice.

    Args:
        path: The mp4.
        frames: RGB, uint8 `[H, W, 3]` each, all of one size; taken one by one.
        fps: Frames per second.

    Raises:
        DataError: If PyAV is missing, there is no frame, or the sizes differ.
    """
    try:
        import av
    except ImportError as error:
        raise DataError(
            f"{path}: writing video files needs PyAV: pip install 'pvuw-vos[video]'"
        ) from error
    from fractions import Fraction

    count, size_hw = 0, (0, 0)
    with (
        atomic_path(path) as temporary,
        av.open(f"file:{temporary}", "w", format="mp4") as container,
    ):
        stream = container.add_stream(
            "libx264", rate=Fraction(fps).limit_denominator(1000), options={"crf": _QUALITY}
        )
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            if count == 0:
                size_hw = (frame.shape[0], frame.shape[1])
                stream.height, stream.width = (
                    size_hw[0] + size_hw[0] % 2,
                    size_hw[1] + size_hw[1] % 2,
                )
            if frame.shape[:2] != size_hw:
                raise DataError(
                    f"{path}: frame {count} is {frame.shape[1]}x{frame.shape[0]}, the first is "
                    f"{size_hw[1]}x{size_hw[0]}; bring all frames to one size"
                )
            container.mux(stream.encode(av.VideoFrame.from_ndarray(_even(frame), format="rgb24")))
            count += 1
        if count == 0:
            raise DataError(f"{path}: no frame to write; give a video that has some")
        container.mux(stream.encode(None))
    return count


def _even(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width, _ = frame.shape
    if not height % 2 and not width % 2:
        return np.ascontiguousarray(frame)
    return np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
