import dataclasses
import os
import pickle
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from pvuw.io.videos import FolderFiles
from pvuw.mose_plus.select import analysis
from pvuw.mose_plus.select.analysis import TraitConfig, analyse, hash_videos, key_of
from tests.pvuw.mose_plus.make import clip, write_record

SLOW_RUN = """
import pickle, sys, time
from pathlib import Path
from pvuw.mose_plus.select import analysis
measure = analysis.measure_traits
def slow(record, **options):
    time.sleep(0.1)
    return measure(record, **options)
analysis.measure_traits = slow
records = pickle.loads(Path(sys.argv[1]).read_bytes())
analysis.analyse(records, cache=Path(sys.argv[2]), workers=1)
"""


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    made = []
    for seed in range(8):
        frames, id_maps = clip(seed, num_frames=4, size_hw=(96, 128), radius=10)
        made.append(write_record(root, id_maps, frames, video_id=f"v{seed}"))
    return made


@pytest.fixture
def measured(monkeypatch):
    """Ids of the videos that are measured, not taken from the cache."""
    ids = []
    measure = analysis.measure_traits

    def counting(record, **options):
        ids.append(record.video_id)
        return measure(record, **options)

    monkeypatch.setattr(analysis, "measure_traits", counting)
    return ids


def test_results_come_in_the_order_of_the_records_and_from_the_cache(records, tmp_path, measured):
    cache = tmp_path / "traits.jsonl"
    first = analyse(records[::-1], cache=cache)
    assert [video.video_id for video in first.traits] == [f"v{i}" for i in range(7, -1, -1)]
    assert len(measured) == 8
    assert analyse(records[::-1], cache=cache) == first
    assert len(measured) == 8


def test_two_processes_give_the_same(records, tmp_path):
    assert analyse(records, workers=2).traits == analyse(records, workers=1).traits


def test_only_what_changed_is_measured_again(records, tmp_path, measured):
    cache = tmp_path / "traits.jsonl"
    analyse(records[:3], cache=cache)
    mask = records[1].store.folder / "00002.png"
    os.utime(mask, ns=(0, mask.stat().st_mtime_ns + 5))
    measured.clear()
    analyse(records[:4], cache=cache)
    assert measured == ["v1", "v3"]
    analyse(records[:4], cache=cache, config=TraitConfig(appearance_frames=2))
    assert measured == ["v1", "v3", "v0", "v1", "v2", "v3"]
    changed = [dataclasses.replace(record, fps=10.0) for record in records[:1]]
    analyse(changed, cache=cache)
    assert measured[-1:] == ["v0"]


def test_killed_run_goes_on_where_it_was(records, tmp_path, measured):
    listed, cache = tmp_path / "records.pickle", tmp_path / "traits.jsonl"
    listed.write_bytes(pickle.dumps(records))
    run = subprocess.Popen([sys.executable, "-c", SLOW_RUN, listed, cache], env=_environment())
    try:
        while not cache.exists() or cache.read_bytes().count(b"\n") < 4:
            assert run.poll() is None, "the run ended before it could be killed"
            time.sleep(0.01)
    finally:
        run.send_signal(signal.SIGKILL)
        run.wait()
    cache.write_bytes(cache.read_bytes() + b'{"key":"mose/train/v7","finge')  # killed in a write
    resumed = analyse(records, cache=cache)
    assert 0 < len(measured) <= 5
    assert resumed == analyse(records)


def test_broken_video_is_reported_and_the_others_go_on(records, tmp_path):
    frames, id_maps = clip(1, num_frames=3, size_hw=(96, 128), radius=10)
    bad = write_record(tmp_path, id_maps, frames, video_id="bad")
    mask = bad.store.folder / "00001.png"
    mask.write_bytes(mask.read_bytes()[:40])
    for workers in (1, 2):
        found = analyse([records[0], bad, records[1]], cache=tmp_path / "c", workers=workers)
        assert [video.video_id for video in found.traits] == ["v0", "v1"]
        ((key, message),) = [(b.key, b.message) for b in found.broken]
        assert key == key_of(bad)
        assert "00001.png" in message
    mask.unlink()  # repaired as far as the cache can tell: another state of the file
    assert analyse([bad], cache=tmp_path / "c").broken[0].message != message


def test_hashes_come_back_from_the_cache(records, tmp_path, monkeypatch):
    frames = {key_of(r): FolderFiles(r.frame_dir, r.frame_files) for r in records[:2]}
    cache = tmp_path / "hashes.jsonl"
    first = hash_videos(frames, cache=cache, workers=2)
    monkeypatch.setattr(analysis, "hash_frames", None)  # would fail if it were called
    second = hash_videos(frames, cache=cache)
    for one, two in zip(first.hashes, second.hashes, strict=True):
        assert (one.key, one.positions) == (two.key, two.positions)
        np.testing.assert_array_equal(one.hashes, two.hashes)
    assert [video.key for video in second.hashes] == list(frames)


def _environment():
    # The store class lives in the tests, so the other process must find them.
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
