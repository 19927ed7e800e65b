import pickle
import random

import pytest
import torch

from pvuw.errors import DataError
from pvuw.io.listing import VideoFolder, list_videos
from pvuw.io.masks import write_id_map
from pvuw.io.prefetch import prefetch_frames
from pvuw.io.video_decode import scan
from pvuw.io.video_file import VideoFile, find_video_files
from tests.pvuw.io.make import square, write_video
from tests.pvuw.io.movies import number_of, write_movie

pytest.importorskip("av", reason="needs PyAV, the extra 'video'")


def open_movie(path, **options):
    write_movie(path, **options)
    return VideoFile(path, scan(path))


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [("mp4", "libx264"), ("mkv", "libx264"), ("avi", "mpeg4"), ("webm", "libvpx-vp9")],
)
def test_frames_come_in_order_and_at_random(suffix, codec, tmp_path):
    video = open_movie(tmp_path / f"a.{suffix}", codec=codec)
    frames = [frame for _, frame in prefetch_frames(video)]
    assert [number_of(frame) for frame in frames] == list(range(20))
    assert frames[0].shape == (3, 48, 64)
    assert frames[0].dtype == torch.uint8
    order = list(range(20)) * 2
    random.shuffle(order)
    for position in order:
        assert torch.equal(video.read_frame(position), frames[position]), position


def test_names_are_positions_and_size_needs_no_frame(tmp_path):
    video = open_movie(tmp_path / "my clip.mp4", num_frames=3)
    assert video.frame_names == ["00000", "00001", "00002"]
    assert (video.video_id, len(video), video.size_hw) == ("my clip", 3, (48, 64))
    assert number_of(video.read_frame(-1)) == 2
    with pytest.raises(IndexError):
        video.read_frame(3)


def test_variable_rate_keeps_every_frame_once(tmp_path):
    times = [0, 1, 2, 50, 51, 52, 53, 200, 201, 300]
    video = open_movie(tmp_path / "a.mp4", num_frames=10, times=times)
    assert [number_of(video.read_frame(i)) for i in range(10)] == list(range(10))
    assert number_of(video.read_frame(7)) == 7


def test_travels_to_another_process(tmp_path):
    video = open_movie(tmp_path / "a.mp4")
    video.read_frame(4)
    copy = pickle.loads(pickle.dumps(video))
    assert number_of(copy.read_frame(5)) == 5
    assert number_of(video.read_frame(5)) == 5


def test_file_is_closed_after_the_last_frame(tmp_path):
    video = open_movie(tmp_path / "a.mp4", num_frames=3)
    video.read_frame(0)
    assert video._reader is not None
    video.read_frame(2)
    assert video._reader is None


def test_damage_in_the_middle_is_named_and_no_frame_is_made_up(tmp_path):
    video = open_movie(tmp_path / "a.avi", codec="mjpeg")
    content = bytearray(video.path.read_bytes())
    starts = [i for i in range(len(content) - 4) if content[i : i + 4] == b"00dc"][:20]
    content[starts[8] + 8 : starts[9]] = bytes(starts[9] - starts[8] - 8)
    video.path.write_bytes(content)
    video = VideoFile(video.path, scan(video.path))
    numbers = []
    with pytest.raises(DataError, match=r"a\.avi: (damaged near frame|frame) 0000[0-8]"):
        numbers += (number_of(frame) for _, frame in prefetch_frames(video))
    assert numbers == list(range(len(numbers)))
    assert len(numbers) <= 8


def test_listing_takes_files_and_folders_side_by_side(tmp_path):
    write_video(tmp_path, "folder", [square(1), None])
    images, masks = tmp_path / "JPEGImages", tmp_path / "Annotations"
    write_movie(images / "clip.mp4", num_frames=3)
    (images / "broken.mp4").write_bytes(b"")
    write_id_map(masks / "clip" / "00001.png", square(2, size_hw=(48, 64)))
    videos = list_videos(VideoFolder(images, annotations=masks))
    assert [video.video_id for video in videos] == ["broken", "clip", "folder"]
    clip = videos[1]
    assert list(clip.annotation_paths) == [1]
    assert clip.read_annotation(1).unique().tolist() == [0, 2]
    assert number_of(clip.read_frame(2)) == 2
    with pytest.raises(DataError, match=r"broken\.mp4: not a readable video file"):
        videos[0].check()


def test_listing_takes_a_single_file(tmp_path):
    path = write_movie(tmp_path / "clip.mp4", num_frames=3)
    write_id_map(tmp_path / "masks" / "clip" / "00003.png", square(1))
    (video,) = list_videos(VideoFolder(path))
    assert len(video) == 3
    (video,) = list_videos(VideoFolder(path, annotations=tmp_path / "masks"))
    with pytest.raises(DataError, match=r"00003\.png: mask of a frame that does not exist"):
        video.check()
    with pytest.raises(DataError, match="no such folder"):
        list_videos(VideoFolder(tmp_path / "masks" / "clip" / "00003.png"))


def test_two_videos_of_one_name_are_refused(tmp_path):
    write_movie(tmp_path / "clip.mp4", num_frames=2)
    (tmp_path / "clip").mkdir()
    with pytest.raises(DataError, match=r"clip\.mp4: there is a folder 'clip'"):
        list_videos(VideoFolder(tmp_path))
    (tmp_path / "clip.mkv").touch()
    with pytest.raises(DataError, match=r"clip\.mp4: the same video as clip\.mkv; keep one"):
        find_video_files(tmp_path)
