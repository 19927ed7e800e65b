import pytest

from pvuw.errors import DataError
from pvuw.io.mask_tree import MaskTree
from tests.pvuw.metrics.videos import square, write_video


@pytest.mark.parametrize("wrapping", ["Annotations", "Annotations/480p", "480p", "a/b/c"])
def test_a_wrapping_folder_is_found(tmp_path, wrapping):
    write_video(tmp_path / wrapping, "v", [square()] * 2)
    (tmp_path / ".hidden").mkdir()
    known = ["v"] if wrapping == "a/b/c" else []
    assert MaskTree.find(tmp_path, known=known).root == tmp_path / wrapping


def test_an_only_folder_is_not_guessed_to_be_a_video_or_around_one(tmp_path):
    write_video(tmp_path / "only", "a", [square()] * 2)
    with pytest.raises(DataError, match=r"only may be a folder around the videos \(a\) or a video"):
        MaskTree.find(tmp_path)
    assert MaskTree.find(tmp_path, known=["a"]).root == tmp_path / "only"
    assert MaskTree.find(tmp_path / "only").queries() == ["a"]
    tree = MaskTree.find(tmp_path, known=["only"])
    assert tree.root == tmp_path
    assert tree.queries() == ["only/a"]


def test_one_video_of_sentences_in_a_folder_of_masks_is_no_tree_of_videos(tmp_path):
    for expression in ("0", "1"):
        write_video(tmp_path / "run" / "Annotations" / "v", expression, [square()])
    for folder in (tmp_path / "run", tmp_path / "run" / "Annotations"):
        tree = MaskTree.find(folder)
        assert tree.queries() == tree.queries("expression") == ["v/0", "v/1"]
        with pytest.raises(DataError, match=r"holds v/0, v/1, but <video>/<frame>.png is expected"):
            tree.queries("video")


def test_queries_are_videos_or_sentences_about_them(tmp_path):
    write_video(tmp_path, "whole", [square()])
    write_video(tmp_path / "asked", "10", [square()])
    write_video(tmp_path / "asked", "9", [square()])
    (tmp_path / "empty").mkdir()
    (tmp_path / ".half.partial").mkdir()
    tree = MaskTree.find(tmp_path)
    assert tree.queries() == ["asked/10", "asked/9", "empty", "whole"]
    with pytest.raises(DataError, match=r"holds whole, but <video>/<expression>/"):
        tree.queries("expression")


def test_frames_are_in_natural_order_and_found_by_name(tmp_path):
    write_video(tmp_path, "v", [square(), square(2), square(3)])
    (tmp_path / "v" / "00000.png").rename(tmp_path / "v" / "f_10.png")
    (tmp_path / "v" / "00001.png").rename(tmp_path / "v" / "f_9.PNG")
    (tmp_path / "v" / "00002.png").rename(tmp_path / "v" / "f_1.png")
    (tmp_path / "v" / ".f_2.png").write_bytes(b"half")
    (tmp_path / "v" / "notes.txt").write_text("x")
    tree = MaskTree.find(tmp_path)
    assert tree.frames("v") == ["f_1", "f_9", "f_10"]
    masks = tree.masks("v", ["f_8", "f_9", "f_10"])
    assert list(masks) == [1, 2]
    assert masks.visible_ids(1) == (2,)
    assert masks.stored_size_hw(1) == square().shape
    assert tree.frames("gone") == []
    assert not tree.masks("gone", ["f_1"])


def test_annotations_is_found_beside_other_folders(tmp_path):
    write_video(tmp_path / "Annotations", "a", [square()] * 3)
    (tmp_path / "JPEGImages" / "a").mkdir(parents=True)
    assert MaskTree.find(tmp_path).root == tmp_path / "Annotations"


def test_a_folder_of_one_videos_masks_is_refused(tmp_path):
    write_video(tmp_path, "a", [square()] * 3)
    with pytest.raises(DataError, match=r"a: holds the masks of one video; give the folder above"):
        MaskTree.find(tmp_path / "a")


def test_folders_without_masks_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"missing: no such folder"):
        MaskTree.find(tmp_path / "missing")
    with pytest.raises(DataError, match=r"no PNG masks, got no folders"):
        MaskTree.find(tmp_path)
    for name in "bac":
        (tmp_path / name).mkdir()
    with pytest.raises(DataError, match=r"no PNG masks, got folders a, b, c; expected <video>"):
        MaskTree.find(tmp_path)
