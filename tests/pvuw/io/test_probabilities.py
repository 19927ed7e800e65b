import json
import zipfile

import numpy as np
import pytest

from pvuw.errors import DataError
from pvuw.io.probabilities import INDEX, FrameEntry, ProbabilityFile, probability_file
from tests.helpers.noise import ROUNDING


def write(path, frames=3):
    rng = np.random.default_rng(0)
    maps = [rng.random((t, 5, 7), dtype=np.float32) for t in range(frames)]
    with probability_file(path) as writer:
        writer.objects_compete = True
        for t, values in enumerate(maps):
            ids = list(range(3, 3 + t))
            writer.add(FrameEntry(f"{t:05d}", (10, 14), ids, [0.5] * t, None, None), values)
    return maps


def test_frames_come_back_within_half_a_step(tmp_path):
    maps = write(tmp_path / "v.zip")
    stored = ProbabilityFile(tmp_path / "v.zip")
    assert len(stored) == 3
    assert stored.objects_compete
    assert stored.frames[2] == FrameEntry("00002", (10, 14), [3, 4], [0.5, 0.5])
    for t, values in enumerate(maps):
        assert stored.read(t).shape == values.shape
        assert np.abs(stored.read(t) - values).max(initial=0) <= 0.5 / 255 + ROUNDING
    stored.close()


def test_a_broken_off_video_leaves_no_file(tmp_path):
    def break_off():
        with probability_file(tmp_path / "v.zip") as writer:
            writer.add(FrameEntry("00000", (2, 2), [1]), np.zeros((1, 2, 2), np.float32))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert list(tmp_path.iterdir()) == []


def test_maps_must_match_the_objects(tmp_path):
    with (
        probability_file(tmp_path / "v.zip") as writer,
        pytest.raises(ValueError, match="2 maps for 1 objects"),
    ):
        writer.add(FrameEntry("00000", (2, 2), [1]), np.zeros((2, 2, 2), np.float32))


def test_what_cannot_be_read_is_named(tmp_path):
    path = tmp_path / "v.zip"
    with pytest.raises(DataError, match=r"v\.zip: no such file"):
        ProbabilityFile(path)
    path.write_bytes(b"PK not really")
    with pytest.raises(DataError, match=r"v\.zip: not a file of probabilities"):
        ProbabilityFile(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(INDEX, json.dumps({"version": 9}))
    with pytest.raises(DataError, match="version 9, this reads 1"):
        ProbabilityFile(path)


def test_a_damaged_frame_is_named(tmp_path):
    write(tmp_path / "whole.zip")
    with (
        zipfile.ZipFile(tmp_path / "whole.zip") as whole,
        zipfile.ZipFile(tmp_path / "v.zip", "w") as archive,
    ):
        for name in set(whole.namelist()) - {"00001.npy"}:
            archive.writestr(name, whole.read(name))
    with pytest.raises(DataError, match="frame 00001 is damaged"):
        ProbabilityFile(tmp_path / "v.zip").read(1)
