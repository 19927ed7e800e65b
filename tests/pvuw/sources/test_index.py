import fcntl
import os
import shutil
import threading

import pytest

from pvuw.errors import DataError
from pvuw.sources import SourceSpec, index
from pvuw.sources.burst import BurstReader
from pvuw.sources.folders import FolderReader
from pvuw.sources.index import load_records
from tests.pvuw.sources import (
    test_burst,
    test_mevis,
    test_sav,
    test_sav_masklets,
    test_vis,
)
from tests.pvuw.sources.layouts import assert_masks, box, compressed, ids_of, vis_track
from tests.pvuw.sources.layouts import write_video as write_folders

LEFT, RIGHT = box(2, 2, 10, 10), box(4, 12, 20, 30)


def write_mose(root, video_id, *, num_frames=2):
    frames = {f"{t:05d}": ids_of((3, LEFT), (9, RIGHT)) for t in range(num_frames)}
    write_folders(root / "train" / "JPEGImages", root / "train" / "Annotations", video_id, frames)


@pytest.fixture
def mose(tmp_path):
    for name in ("a", "b", "c"):
        write_mose(tmp_path / "mose", name)
    return SourceSpec("mose", tmp_path / "mose")


@pytest.fixture
def opened(monkeypatch):
    """The units that readers really open."""
    units = []
    for reader in (FolderReader, BurstReader):
        original = reader.read

        def read(self, wanted, original=original):
            units.extend(wanted)
            return original(self, wanted)

        monkeypatch.setattr(reader, "read", read)
    return units


def test_the_second_start_opens_nothing_and_finds_the_same(mose, tmp_path, opened):
    first = load_records(mose, cache_dir=tmp_path / "cache")
    assert opened == ["a", "b", "c"]
    second = load_records(mose, cache_dir=tmp_path / "cache")
    assert opened == ["a", "b", "c"]
    assert second == first
    assert_masks(second[1], 0, {1: LEFT, 2: RIGHT})


def test_without_a_folder_everything_is_listed_anew(mose, opened):
    assert load_records(mose) == load_records(mose)
    assert len(opened) == 6


def test_only_what_changed_is_opened_again(mose, tmp_path, opened):
    load_records(mose, cache_dir=tmp_path / "cache")
    opened.clear()
    write_mose(mose.root, "b", num_frames=3)
    write_mose(mose.root, "bb")
    shutil.rmtree(mose.root / "train" / "JPEGImages" / "a")
    records = load_records(mose, cache_dir=tmp_path / "cache")
    assert opened == ["b", "bb"]
    assert [(record.video_id, record.num_frames) for record in records] == [
        ("b", 3),
        ("bb", 2),
        ("c", 2),
    ]
    opened.clear()
    assert load_records(mose, cache_dir=tmp_path / "cache") == records
    assert opened == []


def test_what_was_listed_before_an_error_stays_listed(mose, tmp_path, opened, monkeypatch):
    monkeypatch.setattr(index, "_CHUNK", 1)
    mask = mose.root / "train" / "Annotations" / "c" / "00001.png"
    content = mask.read_bytes()
    mask.write_bytes(content[:40])
    with pytest.raises(DataError, match=r"c/00001\.png"):
        load_records(mose, cache_dir=tmp_path / "cache")
    mask.write_bytes(content)
    opened.clear()
    assert len(load_records(mose, cache_dir=tmp_path / "cache")) == 3
    assert opened == ["c"]


def test_excluded_videos_leave_and_come_back(mose, tmp_path, opened):
    load_records(mose, cache_dir=tmp_path / "cache")
    without = SourceSpec("mose", mose.root, exclude=["b"])
    found = load_records(without, cache_dir=tmp_path / "cache")
    assert [record.video_id for record in found] == ["a", "c"]
    assert len(load_records(mose, cache_dir=tmp_path / "cache")) == 3


def test_excluding_from_an_annotation_file_lists_it_again(tmp_path, opened):
    test_burst.write(tmp_path, test_burst.sequence(), test_burst.sequence(name="v_2"))
    cache = tmp_path / "cache"
    assert len(load_records(SourceSpec("burst", tmp_path), cache_dir=cache)) == 2
    spec = SourceSpec("burst", tmp_path, exclude=["HACS_-_v_2"])
    (record,) = load_records(spec, cache_dir=cache)
    assert record.video_id == "HACS_-_v_1"
    assert len(opened) == 2


def test_processes_find_what_one_finds(tmp_path):
    for i in range(3 * index._CHUNK):
        write_mose(tmp_path / "mose", f"video{i:02d}", num_frames=1)
    spec = SourceSpec("mose", tmp_path / "mose")
    assert load_records(spec, workers=2) == load_records(spec)


def test_every_kind_of_record_survives_the_file(tmp_path):
    track = vis_track(1, 1, [compressed(LEFT), None, compressed(RIGHT)], occlusion=[None] * 3)
    test_vis.write_ovis(tmp_path / "ovis", [track])
    test_burst.write(tmp_path / "burst", test_burst.sequence())
    test_sav.write(tmp_path / "sav_val", "sav_1", test_sav.OBJECTS)
    test_sav_masklets.write(tmp_path / "sav_train")
    words = test_mevis.video(test_mevis.sentence("it turns", 3), test_mevis.sentence("nothing"))
    test_mevis.write(tmp_path / "mevis", {"abc": words}, {"3": test_mevis.ALWAYS})
    for spec in (
        SourceSpec("ovis", tmp_path / "ovis"),
        SourceSpec("burst", tmp_path / "burst"),
        SourceSpec("sav", tmp_path, split="val"),
        SourceSpec("sav", tmp_path),
        SourceSpec("mevis", tmp_path / "mevis"),
    ):
        fresh = load_records(spec, cache_dir=tmp_path / "cache")
        cached = load_records(spec, cache_dir=tmp_path / "cache")
        assert cached == fresh
        assert len(fresh) == 1
        frame = cached[0].annotated[-1]
        assert list(cached[0].read_masks(frame)) == list(fresh[0].visible_ids(frame)) != []
    assert len(list((tmp_path / "cache").glob("*.json"))) == 5


def test_a_damaged_index_is_listed_again_and_said_so(mose, tmp_path, opened):
    load_records(mose, cache_dir=tmp_path / "cache")
    (path,) = (tmp_path / "cache").glob("*.json")
    path.write_text(path.read_text()[:-20])
    with pytest.warns(UserWarning, match="damaged index"):
        assert len(load_records(mose, cache_dir=tmp_path / "cache")) == 3
    assert len(opened) == 6


def test_an_index_of_another_format_is_replaced(mose, tmp_path, opened, monkeypatch):
    load_records(mose, cache_dir=tmp_path / "cache")
    monkeypatch.setattr(index, "_format", lambda: "newer")
    load_records(mose, cache_dir=tmp_path / "cache")
    assert len(opened) == 6
    load_records(mose, cache_dir=tmp_path / "cache")
    assert len(opened) == 6


def test_same_frame_names_are_held_once(mose, tmp_path):
    load_records(mose, cache_dir=tmp_path / "cache")
    records = load_records(mose, cache_dir=tmp_path / "cache")
    assert records[0].frame_files is records[2].frame_files
    assert records[0].store.names is records[2].store.names


def test_a_replaced_annotation_file_is_read_again(tmp_path):
    path = test_burst.write(tmp_path, test_burst.sequence())
    spec, cache = SourceSpec("burst", tmp_path), tmp_path / "cache"
    (before,) = load_records(spec, cache_dir=cache)
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    (after,) = load_records(spec, cache_dir=cache)
    with pytest.raises(DataError, match="changed since it was listed"):
        before.read_masks(0)
    assert list(after.read_masks(0)) == [1, 3]


def test_a_second_process_waits_and_finds_the_index_of_the_first(mose, tmp_path, opened):
    load_records(mose, cache_dir=tmp_path / "cache")
    (path,) = (tmp_path / "cache").glob("*.json")
    content = path.read_bytes()
    path.unlink()
    opened.clear()
    found = []
    second = threading.Thread(
        target=lambda: found.extend(load_records(mose, cache_dir=tmp_path / "cache"))
    )
    with path.with_suffix(".lock").open("w") as lock:  # as the first holds it while it lists
        fcntl.flock(lock, fcntl.LOCK_EX)
        second.start()
        second.join(0.2)
        assert second.is_alive()
        path.write_bytes(content)
    second.join(20)
    assert [record.video_id for record in found] == ["a", "b", "c"]
    assert opened == []
