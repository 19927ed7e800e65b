import threading

import pytest
import torch

import pvuw.io.mask_folder as module
from pvuw.errors import PvuwError
from pvuw.io.mask_folder import MaskFolder
from pvuw.io.masks import read_id_map
from pvuw.types import FrameOutput, FramePrediction


def prediction(name, value):
    return FramePrediction(
        frame_idx=0,
        frame_name=name,
        frame=torch.zeros(3, 4, 5, dtype=torch.uint8),
        id_map=torch.full((4, 5), value, dtype=torch.uint8),
        output=FrameOutput([value], torch.zeros(1, 2, 2)),
    )


def write_video(folder, video_id, values, error=None):
    folder.start_video(video_id, len(values))
    for name, value in values.items():
        folder.write(prediction(name, value))
    folder.finish_video(error)


def names(root):
    return sorted(p.relative_to(root).as_posix() for p in root.rglob("*"))


def test_video_appears_whole_with_the_ids_it_was_given(tmp_path):
    write_video(MaskFolder(tmp_path), "a", {"00000": 3, "00007": 255})
    assert names(tmp_path) == ["a", "a/00000.png", "a/00007.png"]
    assert MaskFolder(tmp_path).finished() == {"a"}
    assert (read_id_map(tmp_path / "a" / "00007.png") == 255).all()


def test_video_is_invisible_until_its_last_frame(tmp_path):
    folder = MaskFolder(tmp_path)
    folder.start_video("a", 2)
    folder.write(prediction("00000", 1))
    assert not (tmp_path / "a").exists()
    folder.finish_video(None)
    assert names(tmp_path) == ["a", "a/00000.png"]


def test_broken_video_leaves_nothing_and_the_next_one_is_written(tmp_path):
    folder = MaskFolder(tmp_path)
    write_video(folder, "a", {"00000": 1}, error="frame 1 is truncated")
    write_video(folder, "b", {"00000": 2})
    assert names(tmp_path) == ["b", "b/00000.png"]


def test_prediction_replaces_an_older_one_completely(tmp_path):
    write_video(MaskFolder(tmp_path), "a", {"00000": 1, "00001": 1})
    write_video(MaskFolder(tmp_path), "a", {"00000": 2})
    assert names(tmp_path) == ["a", "a/00000.png"]
    assert (read_id_map(tmp_path / "a" / "00000.png") == 2).all()


def test_left_overs_of_a_killed_run_are_removed(tmp_path):
    (tmp_path / ".a.partial").mkdir()
    (tmp_path / ".a.partial" / "00000.png").write_bytes(b"half a fi")
    folder = MaskFolder(tmp_path)
    assert folder.finished() == set()
    folder.remove_left_overs()
    assert names(tmp_path) == []


def test_full_disk_is_reported_once_without_blocking(tmp_path, monkeypatch):
    def refuse(path, id_map):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(module, "write_id_map", refuse)
    folder = MaskFolder(tmp_path, queue_frames=1)
    folder.start_video("a", 50)
    with pytest.raises(PvuwError, match=r"png: could not be written \(No space left.*make room"):  # noqa: PT012 - any of the 50 may tell
        for i in range(50):
            folder.write(prediction(f"{i:05d}", 1))
    folder.finish_video("the disk is full")
    assert names(tmp_path) == []
    assert not [t for t in threading.enumerate() if t.name == "write a"]


def test_disk_error_on_the_last_frame_surfaces_at_the_end(tmp_path, monkeypatch):
    def refuse(path, id_map):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(module, "write_id_map", refuse)
    folder = MaskFolder(tmp_path)
    folder.start_video("a", 1)
    folder.write(prediction("00000", 1))
    with pytest.raises(PvuwError, match=r"png: could not be written \(No space left.*make room"):
        folder.finish_video(None)
    assert names(tmp_path) == []
