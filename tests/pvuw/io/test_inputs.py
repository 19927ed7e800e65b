import numpy as np
import pytest

from pvuw.errors import DataError
from pvuw.io.inputs import Inputs
from pvuw.io.masks import write_id_map
from pvuw.io.video_file import VideoFile
from tests.pvuw.io.make import square, write_video
from tests.pvuw.io.movies import write_movie

MASK = square(5)


@pytest.fixture
def tree(tmp_path):
    for video_id in ("a", "b"):
        write_video(tmp_path, video_id, [MASK, MASK], names=["img 9", "img 10"], suffix=".png")
    return tmp_path


def listed(images, masks, videos=None):
    return [
        (video.video_id, len(video), list(video.annotations))
        for video in Inputs(images, masks, videos).list()
    ]


def test_a_folder_of_videos(tree):
    images, masks = tree / "JPEGImages", tree / "Annotations"
    assert listed(images, masks) == [("a", 2, [0, 1]), ("b", 2, [0, 1])]
    assert listed(images, masks, ["b"]) == [("b", 2, [0, 1])]


def test_one_folder_of_frames_with_a_mask_a_folder_or_a_folder_of_folders(tree):
    frames, masks = tree / "JPEGImages" / "a", tree / "Annotations"
    assert listed(frames, masks / "a" / "img 9.png") == [("a", 2, [0])]
    assert listed(frames, masks / "a") == [("a", 2, [0, 1])]
    assert listed(frames, masks) == [("a", 2, [0, 1])]


def test_one_video_file(tmp_path):
    movie = tmp_path / "clip.mp4"
    write_movie(movie)
    write_id_map(tmp_path / "first.png", MASK)
    write_id_map(tmp_path / "masks" / "00001.png", MASK)
    (video,) = Inputs(movie, tmp_path / "first.png").list()
    assert isinstance(video, VideoFile)
    assert list(video.annotations) == [0]
    (video,) = Inputs(movie, tmp_path / "masks").list()
    assert list(video.annotations) == [1]


def test_what_does_not_fit_is_said_in_one_line(tree):
    images, masks = tree / "JPEGImages", tree / "Annotations"
    write_id_map(tree / "lost" / "7.png", np.zeros((4, 4), np.uint8))
    (tree / "empty").mkdir()
    cases = [
        (tree / "nothing", masks, None, "nothing: no such file or folder"),
        (images, masks / "a" / "img 9.png", None, "one mask for a folder of several videos"),
        (images / "a", tree / "lost", None, "7.png: no frame of .* is called 7 .*img 9 to img 10"),
        (images / "a", tree / "empty", None, "empty: holds no PNG mask"),
        (images / "a", masks, ["a"], "is one video; leave out"),
        (masks / "a" / "img 9.png", masks, None, "not a video file by its name; known are .*mp4"),
    ]
    for paths_and_videos in cases:
        *given, message = paths_and_videos
        with pytest.raises(DataError, match=message):
            Inputs(*given).list()
