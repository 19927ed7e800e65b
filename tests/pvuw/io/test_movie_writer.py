import sys

import numpy as np
import pytest

from pvuw.errors import DataError
from pvuw.io.movie_writer import write_movie

av = pytest.importorskip("av", reason="needs PyAV, the extra 'video'")


def frames(count, size_hw=(48, 64)):
    return (np.full((*size_hw, 3), 20 + 10 * (i % 20), np.uint8) for i in range(count))


def test_movie_holds_the_frames_at_the_rate(tmp_path):
    path = tmp_path / "new" / "a.mp4"
    assert write_movie(path, frames(9), fps=7.5) == 9
    with av.open(path) as container:
        stream = container.streams.video[0]
        assert float(stream.average_rate) == 7.5
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
        means = [frame.to_ndarray(format="rgb24").mean() for frame in container.decode(stream)]
    np.testing.assert_allclose(means, [20 + 10 * i for i in range(9)], atol=2)


def test_odd_sizes_grow_by_one(tmp_path):
    write_movie(tmp_path / "a.mp4", frames(2, (47, 63)), fps=5)
    with av.open(tmp_path / "a.mp4") as container:
        (frame, _) = (f.to_ndarray(format="rgb24") for f in container.decode(video=0))
    assert frame.shape == (48, 64, 3)
    np.testing.assert_allclose(frame, 20, atol=2)


def test_frames_are_taken_one_by_one(tmp_path):
    alive, most = set(), 0

    class Tracked(np.ndarray):
        def __del__(self):
            alive.discard(id(self))

    def tracked():
        nonlocal most
        for frame in frames(30):
            held = frame.view(Tracked)
            alive.add(id(held))
            most = max(most, len(alive))
            yield held
            del held, frame

    write_movie(tmp_path / "a.mp4", tracked(), fps=5)
    assert most <= 2


def test_failure_leaves_nothing(tmp_path):
    def mixed():
        yield from frames(2)
        yield from frames(1, (48, 66))

    with pytest.raises(DataError, match=r"a\.mp4: frame 2 is 66x48, the first is 64x48"):
        write_movie(tmp_path / "a.mp4", mixed(), fps=5)
    with pytest.raises(DataError, match=r"a\.mp4: no frame to write"):
        write_movie(tmp_path / "a.mp4", frames(0), fps=5)
    assert list(tmp_path.iterdir()) == []


def test_missing_library_is_named_with_the_fix(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(DataError, match=r"pip install 'pvuw-vos\[video\]'"):
        write_movie(tmp_path / "a.mp4", frames(2), fps=5)
