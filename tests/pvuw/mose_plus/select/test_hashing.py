import cv2
import numpy as np
import pytest

from pvuw.errors import DataError
from pvuw.mose_plus.select.hashing import frame_hash, hamming, hash_frames
from pvuw.sources.keys import VideoKey
from pvuw.traits.pixels import read_reduced
from tests.pvuw.mose_plus.make import clip, texture, write_frames

KEY = VideoKey("mose", "train", "v")


def grey(picture):
    return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)


def bits_between(first, second):
    return int(hamming(frame_hash(first)[None], frame_hash(second)[None])[0, 0])


@pytest.mark.parametrize("size_hw", [(240, 320), (360, 640), (1080, 1920)])
@pytest.mark.parametrize("quality", [40, 90])
def test_hash_survives_another_size_and_compression(tmp_path, size_hw, quality):
    frames = np.stack([texture(seed, (480, 854)) for seed in range(4)])
    originals = write_frames(tmp_path / "a", frames)
    copies = write_frames(tmp_path / "b", frames, quality, size_hw)
    distance = hamming(hash_frames(KEY, originals).hashes, hash_frames(KEY, copies).hashes)
    assert np.diagonal(distance).max() <= 12
    assert distance[~np.eye(4, dtype=bool)].min() > 60


def test_brightness_does_not_change_the_hash():
    picture = grey(texture(1, (128, 128))) // 2
    assert bits_between(picture, picture + np.uint8(40)) <= 2


def test_flat_frames_have_no_hash(tmp_path):
    frames = np.stack([np.zeros((90, 160, 3)), texture(2, (90, 160)), np.full((90, 160, 3), 250)])
    hashes = hash_frames(KEY, write_frames(tmp_path, frames))
    assert hashes.positions == (1,)
    assert hashes.hashes.shape == (1, 32)


def test_all_frames_up_to_the_limit_then_evenly_spread(tmp_path, monkeypatch):
    paths = write_frames(tmp_path, clip(5, num_frames=10)[0])
    assert hash_frames(KEY, paths).positions == tuple(range(10))
    monkeypatch.setattr("pvuw.mose_plus.select.hashing.MAX_HASHED_FRAMES", 4)
    assert hash_frames(KEY, paths).positions == (0, 3, 6, 9)


def test_hamming_equals_counting_bits():
    rng = np.random.default_rng(0)
    first, second = (rng.integers(0, 256, (n, 32), dtype=np.uint8) for n in (3, 5))
    expected = [
        [int(np.unpackbits(a ^ b).sum()) for b in second] for a in first
    ]  # fmt: skip
    assert hamming(first, second).tolist() == expected


def test_reduced_decoding_keeps_the_asked_for_size(tmp_path):
    (path,) = write_frames(tmp_path, texture(1, (720, 1280))[None])
    assert read_reduced(path, "L", min_side=128).shape == (180, 320)
    assert read_reduced(path, "RGB", min_side=400).shape == (720, 1280, 3)


def test_missing_frame_is_named(tmp_path):
    with pytest.raises(DataError, match=r"x\.jpg: no such file"):
        hash_frames(KEY, [tmp_path / "x.jpg"])
