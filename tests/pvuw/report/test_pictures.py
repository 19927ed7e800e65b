import base64
import io
import zlib

import numpy as np
import pytest
from PIL import Image

from pvuw.errors import DataError
from pvuw.io.videos import Video
from pvuw.report.pictures import choose_frames, encode_id_map, encode_picture, read_small
from tests.pvuw.io.make import square


@pytest.mark.parametrize("num_frames", [1, 2, 7, 100])
@pytest.mark.parametrize("limit", [1, 2, 3, 24])
@pytest.mark.parametrize("wanted", [None, 0, 1, 61])
def test_chosen_frames_are_few_spread_and_hold_the_wanted(num_frames, limit, wanted):
    wanted = [] if wanted is None else [min(wanted, num_frames - 1)]
    chosen = choose_frames(num_frames, limit, wanted=wanted)
    assert len(chosen) == len(set(chosen)) == min(limit, num_frames)
    assert chosen == sorted(chosen)
    assert set(wanted) <= set(chosen)
    assert 0 <= chosen[0] <= chosen[-1] < num_frames
    if limit > 2:
        assert (chosen[0], chosen[-1]) == (0, num_frames - 1)


def test_frame_is_reduced_and_recognisable(tmp_path):
    frame = np.zeros((400, 600, 3), np.uint8)
    frame[:, 300:, 0] = 200
    path = tmp_path / "00000.jpg"
    Image.fromarray(frame).save(path)
    text = encode_picture(read_small(Video("a", [path]), 0, (20, 30)))
    with Image.open(io.BytesIO(base64.b64decode(text))) as image:
        pixels = np.array(image.convert("RGB")).astype(int)
    assert pixels.shape == (20, 30, 3)
    assert abs(pixels[:, :12].mean()) < 8
    assert abs(pixels[:, 18:, 0].mean() - 200) < 8


@pytest.mark.parametrize("content", [b"", b"no picture"])
def test_unreadable_frame_is_named(content, tmp_path):
    path = tmp_path / "00000.jpg"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"00000\.jpg: .*; copy"):
        read_small(Video("a", [path]), 0, (20, 30))


def test_truncated_frame_is_named(tmp_path):
    path = tmp_path / "00000.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 90, 3), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:1500])
    with pytest.raises(DataError, match=r"00000\.jpg: .*; copy"):
        read_small(Video("a", [path]), 0, (90, 90))


def test_id_map_keeps_its_ids():
    ids = square(200, 4, 4, 12)
    plain = zlib.decompress(base64.b64decode(encode_id_map(ids, (12, 16))))
    reduced = np.frombuffer(plain, np.uint8).reshape(12, 16)
    np.testing.assert_array_equal(reduced, ids[::2, ::2])
