import pickle
import random
import struct
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from pvuw.errors import DataError
from pvuw.io.listing import VideoFolder, list_videos
from pvuw.io.masks import write_id_map
from pvuw.io.prefetch import prefetch_frames
from pvuw.io.tree_writer import MaskTreeWriter
from pvuw.io.video_decode import scan
from pvuw.io.video_file import VideoFile, find_video_files
from tests.pvuw.io.make import square, write_video
from tests.pvuw.io.movies import grey, number_of, write_movie

av = pytest.importorskip("av", reason="needs PyAV, the extra 'video'")
Disposition = pytest.importorskip("av.stream").Disposition


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
    assert list(clip.annotations) == [1]
    assert clip.annotations.visible_ids(1) == (2,)
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


def only_movie(path):
    (video,) = list_videos(VideoFolder(path))
    video.check()
    return video


def add_movie(container, rate=10, **options):
    stream = container.add_stream("mpeg4", rate=rate)
    stream.height, stream.width = options.get("size_hw", (48, 64))
    stream.pix_fmt = "yuv420p"
    return stream


def put(container, stream, number, pts):
    pixels = np.full((stream.height, stream.width, 3), grey(number), np.uint8)
    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
    frame.pts, frame.time_base = pts, Fraction(1, 10)
    container.mux(stream.encode(frame))


@pytest.mark.parametrize("codec", ["mjpeg", "mpeg4"])
@pytest.mark.parametrize("gaps", [[0, 1, 2, 5, 6, 9], [0, 4], [3, 4, 5]])
def test_dropped_frames_of_an_avi_are_no_damage(tmp_path, codec, gaps):
    """Capture programs write an empty chunk for a picture that did not change."""
    times = [10 * t for t in gaps]
    path = write_movie(tmp_path / "cap.avi", num_frames=len(gaps), codec=codec, times=times)
    video = only_movie(path)
    assert [number_of(video.read_frame(t)) for t in range(len(video))] == list(range(len(gaps)))


def test_an_avi_cut_short_is_named(tmp_path):
    path = write_movie(tmp_path / "cap.avi", codec="mjpeg")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=r"cap\.avi: (cut short|damaged)"):
        only_movie(path)


def test_a_cover_picture_is_no_video(tmp_path):
    path = tmp_path / "song.mp4"
    with av.open(path, "w") as container:
        cover = container.add_stream("mjpeg", rate=1)
        cover.height, cover.width, cover.pix_fmt = 32, 32, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        movie = add_movie(container)
        put(container, cover, 20, 0)
        container.mux(cover.encode(None))
        for number in range(5):
            put(container, movie, number, number)
        container.mux(movie.encode(None))
    video = only_movie(path)
    assert (len(video), video.size_hw) == (5, (48, 64))
    assert number_of(video.read_frame(3)) == 3


@pytest.mark.parametrize("default", [0, 1])
def test_of_several_streams_the_default_one_is_read_and_said(tmp_path, default):
    path = tmp_path / "two.mkv"
    sizes = [(48, 64), (96, 80)]
    with av.open(path, "w") as container:
        streams = [add_movie(container, size_hw=size) for size in sizes]
        streams[default].disposition = Disposition.default
        streams[1 - default].disposition = Disposition.dub
        for number in range(4):
            for offset, stream in enumerate(streams):
                put(container, stream, number + 10 * offset, number)
        for stream in streams:
            container.mux(stream.encode(None))
    with pytest.warns(UserWarning, match=rf"two\.mkv: holds 2 video streams; stream {default},"):
        video = only_movie(path)
    assert video.size_hw == sizes[default]
    with pytest.warns(UserWarning, match="the others are left out"):
        assert number_of(video.read_frame(2)) == 2 + 10 * default


@pytest.mark.parametrize(
    "name",
    ["take:1.mp4", "http:a.mp4", "pipe:0.mp4", "-.mp4", "%05d.mp4", "a|b.mp4", "[1] é'\".MOV"],
)
def test_a_name_is_a_name_whatever_it_looks_like(tmp_path, monkeypatch, name):
    write_movie(tmp_path / "plain.mp4", num_frames=3).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    video = only_movie(Path(name))  # relative: nothing stands before the colon
    assert number_of(video.read_frame(2)) == 2
    assert video.video_id == Path(name).stem


def test_edit_lists_hide_what_players_hide(tmp_path):
    """Cutting without coding anew keeps hidden frames before the first one that is shown."""
    path = tmp_path / "cut.mp4"
    options = {"use_editlist": "1", "avoid_negative_ts": "disabled"}
    with av.open(path, "w", options=options) as container:
        movie = add_movie(container)
        for number in range(8):
            put(container, movie, number, number - 3)
        container.mux(movie.encode(None))
    with av.open(path) as container:
        shown = list(container.decode(video=0))
    video = only_movie(path)
    assert len(video) == len(shown) == 5
    assert [number_of(video.read_frame(t)) for t in range(5)] == [3, 4, 5, 6, 7]


@pytest.mark.parametrize("shown", [1, 3])
def test_edit_lists_that_cut_the_end(tmp_path, shown):
    path = write_movie(tmp_path / "cut.mp4", num_frames=8, codec="mpeg4")
    content = bytearray(path.read_bytes())
    at = content.index(b"elst") + 12  # length of the first edit, in thousandths of a second
    content[at : at + 4] = struct.pack(">I", 100 * shown)
    path.write_bytes(content)
    video = only_movie(path)
    assert [number_of(video.read_frame(t)) for t in range(len(video))] == list(range(shown))


def test_a_video_to_be_shown_mirrored_is_refused(tmp_path):
    path = write_movie(tmp_path / "selfie.mp4", rotation=180, num_frames=3)
    content = bytearray(path.read_bytes())
    at = content.index(b"tkhd") + 4 + 40  # the matrix: turned by 180 degrees, now mirrored only
    assert content[at : at + 4] == struct.pack(">i", -(1 << 16))
    content[at : at + 4] = struct.pack(">i", 1 << 16)
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"selfie\.mp4: is to be shown mirrored"):
        only_movie(path)


def test_names_as_long_as_file_systems_take(tmp_path):
    name = 247 * "n" + ".mp4"  # 251 bytes
    write_movie(tmp_path / "plain.mp4", num_frames=2).rename(tmp_path / name)
    assert only_movie(tmp_path / name).video_id == 247 * "n"
    for length in (247, 255):
        writer = MaskTreeWriter(tmp_path / "out")
        with writer.masks_of(length * "n") as write:
            write("00000", np.zeros((4, 4), np.uint8))
        assert (tmp_path / "out" / (length * "n") / "00000.png").is_file()
