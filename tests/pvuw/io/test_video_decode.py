import sys

import cv2
import numpy as np
import pytest

from pvuw.errors import DataError
from pvuw.io.video_decode import FrameReader, scan
from tests.pvuw.io.movies import write_movie

av = pytest.importorskip("av", reason="needs PyAV, the extra 'video'")


def test_index_tells_frames_size_and_key_frames(tmp_path):
    index = scan(write_movie(tmp_path / "a.mp4"))
    assert (index.num_frames, index.size_hw) == (20, (48, 64))
    assert index.key_frames == (0, 6, 12, 18)
    assert len(index.times) == 20


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_frames_are_turned_as_players_turn_them(rotation, tmp_path):
    path = write_movie(tmp_path / "a.mp4", num_frames=2, rotation=rotation)
    index = scan(path)
    ours = FrameReader(path, index).read(0)
    movie = cv2.VideoCapture(str(path))
    _, reference = movie.read()
    movie.release()
    assert index.size_hw == ours.shape[:2]
    np.testing.assert_array_equal(ours, reference[..., ::-1])
    assert ours.shape[:2] == ((64, 48) if rotation % 180 else (48, 64))


def test_slanted_video_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"a\.mp4: is to be shown turned by .* upright"):
        scan(write_movie(tmp_path / "a.mp4", num_frames=2, rotation=30))


def test_key_frames_spare_decoding_what_lies_before(tmp_path):
    path = write_movie(tmp_path / "a.mp4")
    reader = FrameReader(path, scan(path))
    reader.read(13)
    decoded = []
    frames = reader._frames
    reader._frames = (decoded.append(frame) or frame for frame in frames)
    reader.read(15)
    assert len(decoded) == 2  # 14 and 15: going on is cheaper than seeking
    reader.read(7)
    assert reader._next == 8
    reader.read(19)
    assert reader._next == 20


def test_file_without_pictures_is_named(tmp_path):
    sound = tmp_path / "sound.mp4"
    with av.open(sound, "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(DataError, match=r"sound\.mp4: holds no video stream; give"):
        scan(sound)


@pytest.mark.parametrize("content", [b"", b"nothing like a video" * 50])
def test_what_is_no_video_is_named(content, tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.mp4: not a readable video file .*; copy the file"):
        scan(path)


def test_file_without_frames_is_named(tmp_path):
    path = tmp_path / "a.mkv"
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        container.start_encoding()
    with pytest.raises(DataError, match=r"a\.mkv: "):
        scan(path)


def test_cut_short_file_is_named(tmp_path):
    path = write_movie(tmp_path / "a.mov")
    whole = path.read_bytes()
    # The table of frames ends the file: moved to the front it promises what is not there.
    start = whole.index(b"moov") - 4
    assert whole.index(b"mdat") < start
    path.write_bytes(whole[: start // 2])
    with pytest.raises(DataError, match=r"a\.mov: not a readable video file"):
        scan(path)


def test_missing_library_is_named_with_the_fix(tmp_path, monkeypatch):
    path = write_movie(tmp_path / "a.mp4", num_frames=2)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(DataError, match=r"pip install 'pvuw-vos\[video\]'"):
        scan(path)
