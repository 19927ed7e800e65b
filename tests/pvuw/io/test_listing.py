import time

import pytest

from pvuw.errors import DataError
from pvuw.io.listing import VideoFolder, list_videos
from tests.pvuw.io.make import square, write_video


def mose(root, **options):
    return VideoFolder(root / "JPEGImages", annotations=root / "Annotations", **options)


def ids(folder):
    return [video.video_id for video in list_videos(folder)]


def one_line(error):
    return len(str(error.value).splitlines()) == 1


@pytest.fixture
def three(tmp_path):
    for video_id in ("b", "a", "c"):
        write_video(tmp_path, video_id, [square(1), square(1)])
    return tmp_path


def test_videos_come_sorted(three):
    assert ids(mose(three)) == ["a", "b", "c"]


def test_files_of_the_system_are_no_videos_or_frames(three):
    (three / "JPEGImages" / ".cache").mkdir()
    (three / "JPEGImages" / "readme.txt").write_text("text")
    (three / "JPEGImages" / "a" / "._00000.jpg").write_bytes(b"x")
    (three / "JPEGImages" / "a" / "Thumbs.db").write_bytes(b"x")
    (three / "Annotations" / "a" / ".00009.png.1-2.tmp").write_bytes(b"x")
    assert ids(mose(three)) == ["a", "b", "c"]
    video = list_videos(mose(three))[0]
    video.check()
    assert video.frame_names == ["00000", "00001"]


def test_list_file_ids_and_exclude(three):
    chosen = three / "list.txt"
    chosen.write_text("c\n\n  a \nc\n")
    assert ids(mose(three, videos=chosen)) == ["a", "c"]
    assert ids(mose(three, videos=["b"])) == ["b"]
    assert ids(mose(three, exclude=chosen)) == ["b"]
    assert ids(mose(three, videos=["a", "b"], exclude=["b"])) == ["a"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"videos": ["a", "ghost"]}, "video 'ghost' has no folder in .*JPEGImages"),
        ({"exclude": ["ghost"]}, "video 'ghost' has no folder"),
        ({"videos": []}, "names no video"),
        ({"exclude": ["a", "b", "c"]}, "every video is excluded"),
    ],
)
def test_lists_that_do_not_fit(three, options, words):
    with pytest.raises(DataError, match=words) as error:
        list_videos(mose(three, **options))
    assert one_line(error)


def test_list_files_that_cannot_be_used(three):
    with pytest.raises(DataError, match=r"gone\.txt: no such file"):
        list_videos(mose(three, videos=three / "gone.txt"))
    (three / "ghosts.txt").write_text("ghost\n")
    with pytest.raises(DataError, match=r"ghosts\.txt: video 'ghost' has no folder"):
        list_videos(mose(three, videos=three / "ghosts.txt"))
    (three / "binary.txt").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(DataError, match=r"binary\.txt: not UTF-8"):
        list_videos(mose(three, videos=three / "binary.txt"))


@pytest.mark.parametrize("part", ["images", "annotations", "truth"])
def test_missing_folder_is_named(three, part):
    folder = mose(three)
    setattr(folder, part, three / "gone")
    with pytest.raises(DataError, match=r"gone: no such folder") as error:
        list_videos(folder)
    assert one_line(error)


def test_folder_without_videos(tmp_path):
    (tmp_path / "JPEGImages").mkdir()
    with pytest.raises(DataError, match=r"JPEGImages: holds no video; .*one folder of frames"):
        list_videos(VideoFolder(tmp_path / "JPEGImages"))


def test_a_broken_video_does_not_hide_the_others(three):
    for name in ("empty", "deeper/inside"):
        (three / "JPEGImages" / name).mkdir(parents=True)
    (three / "Annotations" / "b" / "00007.png").write_bytes(b"")
    (three / "JPEGImages" / "c" / "00001.PNG").write_bytes(b"")
    videos = {video.video_id: video for video in list_videos(mose(three))}
    assert len(videos) == 5
    videos["a"].check()
    for video_id, words in {
        "empty": r"JPEGImages/empty: holds no frames; add",
        "deeper": r"JPEGImages/deeper: holds no frames; its folders might be the videos",
        "b": r"Annotations/b/00007\.png: mask of a frame that does not exist among the 2 frames",
        "c": r"JPEGImages/c: several files for one frame \(00001\.PNG, 00001\.jpg\)",
    }.items():
        with pytest.raises(DataError, match=words) as error:
            videos[video_id].check()
        assert one_line(error)


def test_truth_of_a_frame_that_does_not_exist(three):
    write_video(three, "a", [square(1)], names=["00042"], masks="GroundTruth")
    (three / "JPEGImages" / "a" / "00042.jpg").unlink()
    video = list_videos(mose(three, videos=["a"], truth=three / "GroundTruth"))[0]
    with pytest.raises(DataError, match=r"GroundTruth/a/00042\.png: mask of a frame"):
        video.check()


@pytest.mark.parametrize(
    "names",
    [
        ["00000", "00001", "00002"],
        ["00000001", "00000007", "00000013"],
        ["00000", "00005", "00025"],
        ["img_0000001", "img_0000002", "img_0000010"],
        ["frame1", "frame9", "frame10"],
        ["8", "9", "10"],
        ["clip2_1", "clip2_10", "clip10_1"],
    ],
)
def test_frames_come_in_natural_order(tmp_path, names):
    write_video(tmp_path, "v", [square(1), None, None], names=names)
    (video,) = list_videos(mose(tmp_path))
    assert video.frame_names == names
    assert list(video.annotations) == [0]


@pytest.mark.parametrize("suffix", [".jpg", ".JPG", ".jpeg", ".JPEG", ".png", ".PNG"])
def test_frame_suffixes(tmp_path, suffix):
    write_video(tmp_path, "v", [square(1)], suffix=suffix)
    (video,) = list_videos(mose(tmp_path))
    assert video.read_frame(0).shape[0] == 3


def test_listing_reads_no_file(tmp_path):
    root = tmp_path / "JPEGImages"
    for video in range(50):
        (root / f"v{video}").mkdir(parents=True)
        for frame in range(40):
            (root / f"v{video}" / f"{frame:05d}.jpg").write_bytes(b"")
    start = time.perf_counter()
    videos = list_videos(VideoFolder(root))
    assert sum(map(len, videos)) == 2000
    # Takes 5 ms; reading or asking the system for each file would take more than ten times that.
    assert time.perf_counter() - start < 1
