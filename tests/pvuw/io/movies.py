"""Small video files with known frames."""

from fractions import Fraction

import numpy as np


def grey(number):
    """Value of a frame, far enough from its neighbours' to survive lossy coding."""
    return 10 + 11 * number


def write_movie(
    path, *, num_frames=20, size_hw=(48, 64), codec="libx264", rotation=0, key_every=6, times=None
):
    """Frame `i` is flat `grey(i)` with a white top left corner.

    Args:
        times: Hundredths of a second at which each frame is shown; default: ten a second.
    """
    import av

    path.parent.mkdir(parents=True, exist_ok=True)

    with av.open(path, "w") as container:
        rate = 10 if times is None else 100
        stream = container.add_stream(codec, rate=rate, options={"g": str(key_every)})
        stream.height, stream.width = size_hw
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        if rotation:
            stream.set_display_rotation(rotation)
        for number in range(num_frames):
            pixels = np.full((*size_hw, 3), grey(number), np.uint8)
            pixels[: size_hw[0] // 4, : size_hw[1] // 4] = 255
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts = number if times is None else times[number]
            frame.time_base = Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def number_of(frame):
    """Which frame of the movie it is."""
    return round((frame[:, 30:, 40:].float().mean().item() - grey(0)) / 11)
