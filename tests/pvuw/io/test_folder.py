import os

import pytest

from pvuw.errors import DataError
from pvuw.io.folder import list_folder, list_names, name_problem, printable
from pvuw.io.frames import read_frame
from pvuw.io.inputs import Inputs
from pvuw.io.listing import VideoFolder, list_videos
from tests.helpers.unprivileged import without_rights
from tests.pvuw.io.make import square, write_frame, write_video

LEFT_OVERS = ["._00000.jpg", ".DS_Store", "Thumbs.db", "desktop.ini", "Icon\r"]


def videos_of(root, **settings):
    return {v.video_id: v for v in list_videos(VideoFolder(root / "JPEGImages", **settings))}


def test_what_systems_leave_behind_is_nobodys_data(tmp_path):
    names = write_video(tmp_path, "a", [square(1), None])
    for place in (tmp_path / "JPEGImages", tmp_path / "JPEGImages" / "a", tmp_path / "Annotations"):
        for name in LEFT_OVERS:
            (place / name).write_bytes(b"\0\5\x16\7")
        for name in ("__MACOSX", "@eaDir", ".Trashes"):
            (place / name).mkdir()
            (place / name / "00000.jpg").touch()
    (tmp_path / "Annotations" / "a" / "._00000.png").touch()
    (video,) = list_videos(VideoFolder(tmp_path / "JPEGImages", tmp_path / "Annotations"))
    assert (video.video_id, video.frame_names, video.problem) == ("a", names, None)
    assert list(video.annotations) == [0]


def test_suffixes_in_capitals_are_frames_and_masks(tmp_path):
    write_video(tmp_path, "a", [square(1), square(1)], suffix=".JPG")
    mask = tmp_path / "Annotations" / "a" / "00001.png"
    mask.rename(mask.with_suffix(".PNG"))
    (video,) = list_videos(VideoFolder(tmp_path / "JPEGImages", tmp_path / "Annotations"))
    assert len(video) == 2
    assert video.annotations.path(1).name == "00001.PNG"
    assert (video.annotations.id_map(1, video.size_hw) == 1).sum() == 64


@pytest.mark.parametrize("target", ["/not/mounted/b", "b"])
def test_a_link_that_leads_nowhere_is_a_broken_video(tmp_path, target):
    write_video(tmp_path, "a", [None])
    (tmp_path / "JPEGImages" / "b").symlink_to(target)  # `b` leads to itself
    videos = videos_of(tmp_path)
    assert videos["a"].problem is None
    with pytest.raises(DataError, match=r"JPEGImages/b: (link to /not/mounted/b|cannot be listed)"):
        videos["b"].check()


def test_a_lost_frame_names_where_its_link_leads(tmp_path):
    write_video(tmp_path, "a", [None, None])
    frame = tmp_path / "JPEGImages" / "a" / "00001.jpg"
    frame.unlink()
    frame.symlink_to("/not/mounted/00001.jpg")
    (video,) = videos_of(tmp_path).values()
    assert len(video) == 2  # it counts, so that no mask moves by a frame
    with pytest.raises(DataError, match=r"00001\.jpg: link to /not/mounted/00001\.jpg, which is"):
        video.read_frame(1)


def test_a_lost_video_file_is_a_broken_video(tmp_path):
    write_video(tmp_path, "a", [None])
    (tmp_path / "JPEGImages" / "clip.MP4").symlink_to("/not/mounted/clip.mp4")
    assert "clip.MP4" in videos_of(tmp_path)["clip"].problem


@pytest.mark.parametrize("kind", ["webp", "BMP", "tiff", "heic"])
def test_a_frame_that_would_be_left_out_breaks_its_video_only(tmp_path, kind):
    write_video(tmp_path, "a", [None] * 3)
    write_video(tmp_path, "b", [None])
    (tmp_path / "JPEGImages" / "a" / f"00003.{kind}").touch()
    videos = videos_of(tmp_path)
    assert videos["b"].problem is None
    assert f"00003.{kind}: a picture that is not read here" in videos["a"].problem


def test_a_mask_that_would_be_left_out_breaks_its_video(tmp_path):
    write_video(tmp_path, "a", [square(1)])
    (tmp_path / "Annotations" / "a" / "00000.PNG").touch()
    (video,) = list_videos(VideoFolder(tmp_path / "JPEGImages", tmp_path / "Annotations"))
    assert "several files for one frame (00000.PNG, 00000.png)" in video.problem
    (tmp_path / "Annotations" / "a" / "00000.PNG").rename(
        tmp_path / "Annotations" / "a" / "00001.jpg"
    )
    (video,) = list_videos(VideoFolder(tmp_path / "JPEGImages", tmp_path / "Annotations"))
    assert "00001.jpg: a picture that is not read here, only png" in video.problem


def test_frames_of_two_kinds_for_one_time_break_the_video(tmp_path):
    write_video(tmp_path, "a", [None])
    write_frame(tmp_path / "JPEGImages" / "a" / "00000.png", 0)
    assert "several files for one frame (00000.jpg, 00000.png)" in videos_of(tmp_path)["a"].problem


def test_names_that_are_not_utf8_break_their_video_only(tmp_path):
    write_video(tmp_path, "a", [None])
    write_video(tmp_path, os.fsdecode(b"caf\xe9"), [None])
    write_video(tmp_path, "c", [None])
    frame = tmp_path / "JPEGImages" / "c" / "00000.jpg"
    frame.rename(frame.with_name(os.fsdecode(b"\xff.jpg")))
    videos = videos_of(tmp_path)
    assert sorted(videos) == ["a", "c", r"caf\xe9"]
    assert r"the name b'caf\xe9' is not UTF-8; rename it" in videos[r"caf\xe9"].problem
    assert r"JPEGImages/c: the name b'\xff.jpg' is not UTF-8" in videos["c"].problem
    for video in videos.values():
        (video.problem or "").encode()  # can be printed


def test_other_media_beside_the_videos_are_named(tmp_path):
    write_video(tmp_path, "a", [None])
    for name in ("00000.jpg", "clip.wmv", "README.txt", "list.json"):
        (tmp_path / "JPEGImages" / name).touch()
    with pytest.warns(UserWarning, match=r"left out 00000\.jpg, clip\.wmv; frames of a video go"):
        assert list(videos_of(tmp_path)) == ["a"]


def test_masks_without_frames_are_named(tmp_path):
    write_video(tmp_path, "a", [square(1)])
    (tmp_path / "Annotations" / "gone").mkdir()
    annotations = tmp_path / "Annotations"
    with pytest.warns(UserWarning, match="masks of gone, but no frames in"):
        videos_of(tmp_path, annotations=annotations)
    assert list(videos_of(tmp_path, annotations=annotations, videos=["a"])) == ["a"]  # asked for


def test_folders_without_rights(open_folder):
    for name in "abc":
        write_video(open_folder, name, [square(1)])
    (open_folder / "JPEGImages" / "b").chmod(0)
    (open_folder / "Annotations" / "c").chmod(0)
    images, annotations = open_folder / "JPEGImages", open_folder / "Annotations"
    with without_rights():
        videos = videos_of(open_folder, annotations=annotations)
        assert videos["a"].problem is None
        for name, place in (("b", images), ("c", annotations)):
            assert videos[name].problem.startswith(
                f"{place / name}: cannot be listed (Permission denied); check its rights"
            )
    images.chmod(0)
    with without_rights(), pytest.raises(DataError, match="JPEGImages: cannot be listed"):
        list_names(images)


def test_a_frame_without_rights_is_named(open_folder):
    write_frame(open_folder / "0.jpg", 0)
    (open_folder / "0.jpg").chmod(0)
    with without_rights(), pytest.raises(DataError, match=r"0\.jpg: cannot be read \(Permission"):
        read_frame(open_folder / "0.jpg")


def test_one_video_is_read_though_its_parent_may_not_be_listed(open_folder):
    write_video(open_folder / "home", "a", [square(1)])
    (open_folder / "home" / "JPEGImages").chmod(0o311)
    mask = open_folder / "home" / "Annotations" / "a" / "00000.png"
    with without_rights():
        (video,) = Inputs(open_folder / "home" / "JPEGImages" / "a", mask).list()
        assert len(video) == 1


def test_one_video_may_lie_beside_the_file_it_was_extracted_from(tmp_path):
    write_video(tmp_path, "a", [square(1)])
    (tmp_path / "JPEGImages" / "a.mp4").touch()
    mask = tmp_path / "Annotations" / "a" / "00000.png"
    (video,) = Inputs(tmp_path / "JPEGImages" / "a", mask).list()
    assert len(video) == 1


def test_frames_and_folders_of_frames_in_one_place_are_refused(tmp_path):
    write_video(tmp_path, "a", [square(1)])
    write_frame(tmp_path / "JPEGImages" / "cover.jpg", 0)
    with pytest.raises(DataError, match=r"holds frames \(cover\.jpg\) and folders of frames \(a\)"):
        Inputs(tmp_path / "JPEGImages", tmp_path / "Annotations").list()


def test_masks_may_lie_in_the_folder_of_the_frames(tmp_path):
    write_video(tmp_path, "a", [square(1)])
    frames = tmp_path / "JPEGImages" / "a"
    (tmp_path / "Annotations" / "a").rename(frames / "masks")
    (video,) = Inputs(frames, frames / "masks").list()
    assert list(video.annotations) == [0]


def test_listing_tells_apart(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "a.txt").touch()
    (tmp_path / "c").symlink_to(tmp_path / "b")
    (tmp_path / "d").symlink_to(tmp_path / "gone")
    assert list_folder(tmp_path) == (["b", "c"], ["a.txt"], ["d"])
    with pytest.raises(DataError, match="gone: no such folder; check the path"):
        list_folder(tmp_path / "gone")


def test_every_name_can_be_shown():
    name = os.fsdecode(b"a\xff\xfe.png")
    assert name_problem("ü動.png") is None
    assert name_problem(name) is not None
    assert printable(name) == r"a\xff\xfe.png"
