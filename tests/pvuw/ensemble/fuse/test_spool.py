import errno
import tempfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from pvuw.ensemble.fuse.spool import Spool, pack
from pvuw.errors import DataError


def noise(seed):
    return np.random.default_rng(seed).integers(0, 9, (6, 8), dtype=np.uint8)


def test_maps_come_back_by_frame_and_member():
    spool = Spool((6, 8))
    for frame in range(5):
        spool.add(pack([noise(frame), None, noise(frame + 50)[:, ::-1]]))
    for frame in (4, 0, 2):
        first, missing, second = spool.read(frame)
        assert missing is None
        assert np.array_equal(first, noise(frame))
        assert np.array_equal(second, noise(frame + 50)[:, ::-1])


def test_threads_may_read_while_frames_are_added():
    spool = Spool((6, 8))
    spool.add(pack([noise(0)]))
    with ThreadPoolExecutor(2) as pool:
        reads = [pool.submit(spool.read, 0) for _ in range(200)]
        for frame in range(200):
            spool.add(pack([noise(frame)]))
        assert all(np.array_equal(read.result()[0], noise(0)) for read in reads)
    assert np.array_equal(spool.read(200)[0], noise(199))


def test_the_file_ends_with_the_spool():
    spool = Spool((6, 8))
    file = spool._file
    del spool
    assert file.closed


def test_no_room_is_told_with_the_folder(monkeypatch):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    spool = Spool((6, 8))
    monkeypatch.setattr(spool, "_file", type("Full", (), {"seek": full})())
    with pytest.raises(DataError, match=r"No space left on device.*TMPDIR"):
        spool.add(pack([noise(0)]))
    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(DataError, match="make room"):
        Spool((6, 8))
