import threading

import pytest
import torch

import pvuw.io.tree_writer as module
from pvuw.errors import DataError, PvuwError
from pvuw.io.mask_folder import MaskFolder
from pvuw.io.masks import read_id_map
from pvuw.types import FrameOutput, FramePrediction

REFUSED = r"png: could not be written \(No space left.*make room"


def prediction(name, value):
    return FramePrediction(
        frame_idx=0,
        frame_name=name,
        frame=torch.zeros(3, 4, 5, dtype=torch.uint8),
        id_map=torch.full((4, 5), value, dtype=torch.uint8),
        output=FrameOutput([value], torch.zeros(1, 2, 2)),
    )


def write_video(folder, video_id, values, error=None):
    with folder.open(video_id, len(values)) as write:
        for name, value in values.items():
            write(prediction(name, value))
        if error is not None:
            raise DataError(error)


def names(root):
    return sorted(p.relative_to(root).as_posix() for p in root.rglob("*"))


def test_video_appears_whole_with_the_ids_it_was_given(tmp_path):
    write_video(MaskFolder(tmp_path), "a", {"00000": 3, "00007": 255})
    assert names(tmp_path) == ["a", "a/00000.png", "a/00007.png"]
    assert MaskFolder(tmp_path).finished() == {"a"}
    assert (read_id_map(tmp_path / "a" / "00007.png") == 255).all()


def test_video_is_invisible_until_its_last_frame(tmp_path):
    folder = MaskFolder(tmp_path)
    with folder.open("a", 2) as write:
        write(prediction("00000", 1))
        assert not (tmp_path / "a").exists()
        assert folder.finished() == set()
    assert names(tmp_path) == ["a", "a/00000.png"]


def test_broken_video_leaves_nothing_and_the_next_one_is_written(tmp_path):
    folder = MaskFolder(tmp_path)
    for video_id in ("a", "c/0"):
        with pytest.raises(DataError, match="frame 1 is truncated"):
            write_video(folder, video_id, {"00000": 1}, error="frame 1 is truncated")
    write_video(folder, "b", {"00000": 2})
    assert names(tmp_path) == ["b", "b/00000.png"]


def test_expressions_of_a_video_are_written_side_by_side(tmp_path):
    folder = MaskFolder(tmp_path)
    with folder.open("v/0", 2) as first, folder.open("v/1", 2) as second:
        for name in ("00000", "00001"):
            first(prediction(name, 1))
            second(prediction(name, 2))
        assert folder.finished() == set()
    assert folder.finished() == {"v/0", "v/1"}
    assert names(tmp_path / "v" / "1") == ["00000.png", "00001.png"]
    assert (read_id_map(tmp_path / "v" / "1" / "00001.png") == 2).all()
    assert (read_id_map(tmp_path / "v" / "0" / "00001.png") == 1).all()


def test_prediction_replaces_an_older_one_completely(tmp_path):
    write_video(MaskFolder(tmp_path), "a", {"00000": 1, "00001": 1})
    write_video(MaskFolder(tmp_path), "a", {"00000": 2})
    assert names(tmp_path) == ["a", "a/00000.png"]
    assert (read_id_map(tmp_path / "a" / "00000.png") == 2).all()


def test_left_overs_of_a_killed_run_are_removed(tmp_path):
    (tmp_path / ".a.partial").mkdir()
    (tmp_path / ".a.partial" / "00000.png").write_bytes(b"half a fi")
    (tmp_path / "v" / ".0.partial").mkdir(parents=True)
    folder = MaskFolder(tmp_path)
    folder.remove_left_overs()
    assert folder.finished() == set()
    assert names(tmp_path) == []


def test_full_disk_is_reported_once_without_blocking(tmp_path, monkeypatch):
    def refuse(path, id_map):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(module, "write_id_map", refuse)
    folder = MaskFolder(tmp_path, queue_frames=1)
    refused = pytest.raises(
        PvuwError, match=r"png: could not be written \(No space left.*make room"
    )
    with refused, folder.open("a", 50) as write:
        for i in range(50):
            write(prediction(f"{i:05d}", 1))
    assert names(tmp_path) == []
    assert not [t for t in threading.enumerate() if t.name == "write a"]


def test_disk_error_on_the_last_frame_surfaces_at_the_end(tmp_path, monkeypatch):
    def refuse(path, id_map):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(module, "write_id_map", refuse)
    folder = MaskFolder(tmp_path)
    refused = pytest.raises(
        PvuwError, match=r"png: could not be written \(No space left.*make room"
    )
    with refused, folder.open("a", 1) as write:
        write(prediction("00000", 1))
    assert names(tmp_path) == []
