import json
import os
import shutil
import time

import pytest

from datamodules import build_index
from datamodules.build_index import read_build
from pvuw.errors import DataError
from pvuw.io.listing import VideoFolder, list_videos
from tests.pvuw.mose_plus.build_make import build, settings, write_sources


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A real build of three MOSE and two LVOS videos; one of MOSE is held out."""
    folder = tmp_path_factory.mktemp("index")
    build(settings(write_sources(folder), build="valid_share: 0.34"), folder / "MOSE+")
    return folder / "MOSE+"


@pytest.fixture
def copy(finished, tmp_path):
    """A copy that keeps all times, as `cp -a` and rsync make it."""
    return shutil.copytree(finished, tmp_path / "MOSE+")


@pytest.fixture
def listed(monkeypatch):
    """The folders of single videos that are really listed."""
    folders = []

    def listdir(folder, original=os.listdir):
        folders.append(folder)
        return original(folder)

    monkeypatch.setattr(build_index.os, "listdir", listdir)
    return folders


def test_the_manifest_gives_what_listing_gives_without_listing(finished, listed):
    found = read_build(finished)
    assert listed == []
    train = finished / "train"
    videos = list_videos(VideoFolder(train / "JPEGImages", annotations=train / "Annotations"))
    assert len(found) == len(videos) == 4
    for item, video in zip(found, videos, strict=True):
        assert item.video.video_id == video.video_id
        assert item.video.frame_paths == video.frame_paths
        assert item.video.annotations.folder == video.annotations.folder
        assert item.video.annotations.names == video.annotations.names
        assert item.video.problem is None
        assert item.source == ("lvos" if video.video_id.startswith("lvos") else "mose")
        assert item.fps == (6.0 if item.source == "lvos" else 5.0)


def test_names_are_held_once(finished):
    first, second = (item.video for item in read_build(finished)[:2])
    assert first.frame_paths.names is second.frame_paths.names
    assert first.annotations.names is second.annotations.names


@pytest.mark.parametrize(
    ("kind", "file"), [("JPEGImages", "00002.jpg"), ("Annotations", "00005.png")]
)
def test_a_file_removed_later_is_named_before_the_run(copy, listed, kind, file):
    folder = copy / "train" / kind / "lvos_Zz"
    (folder / file).unlink()
    with pytest.raises(DataError, match=rf"lvos_Zz/{file}: no such file; remove .* and build"):
        read_build(copy)
    assert listed == [folder]


def test_only_folders_that_changed_are_listed(copy, listed):
    folder = copy / "train" / "JPEGImages" / "lvos_Zz"
    (folder / "00001.jpg").rename(folder / "away.jpg")
    (folder / "away.jpg").rename(folder / "00001.jpg")
    assert len(read_build(copy)) == 4
    assert listed == [folder]


def test_a_copy_with_new_times_is_listed_and_fine(copy, listed):
    later = time.time_ns() + 10**9
    for folder in copy.glob("train/*/*"):
        os.utime(folder, ns=(later, later))
    assert len(read_build(copy)) == 4
    assert len(listed) == 8


@pytest.mark.parametrize("kind", ["JPEGImages", "Annotations"])
def test_a_video_that_is_gone_is_named(copy, kind):
    shutil.rmtree(copy / "train" / kind / "lvos_Zz")
    with pytest.raises(DataError, match=f"{kind}/lvos_Zz: missing, the manifest names it"):
        read_build(copy)
    shutil.rmtree(copy / "train" / kind)
    with pytest.raises(DataError, match=f"{kind}: cannot be listed .No such file"):
        read_build(copy)


def test_a_video_nobody_built_is_named(copy):
    (copy / "train" / "JPEGImages" / "stranger").mkdir()
    (copy / "train" / "JPEGImages" / ".hidden").mkdir()
    (copy / "train" / "JPEGImages" / "notes.txt").touch()
    with pytest.raises(DataError, match="stranger: the manifest does not name video") as error:
        read_build(copy)
    assert len(str(error.value).splitlines()) == 1


def test_an_unfinished_build_is_refused(copy):
    (copy / ".build").mkdir()
    with pytest.raises(DataError, match=r"\.build: the build is not finished; give the build"):
        read_build(copy)


@pytest.mark.parametrize(
    "change",
    [
        lambda line: line.pop("built"),
        lambda line: line["built"].pop("subset"),
        lambda line: line["built"].update(source_frames=None),
        lambda line: line.pop("fps"),
    ],
)
def test_another_manifest_is_refused(copy, change):
    path = copy / "manifest.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    change(lines[-1])
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(DataError, match=r"manifest\.jsonl: not the manifest of a build"):
        read_build(copy)
