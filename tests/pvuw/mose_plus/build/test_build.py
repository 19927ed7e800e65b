import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from pvuw.errors import DataError
from pvuw.io.lock import FolderLock
from pvuw.io.masks import read_id_map
from pvuw.mose_plus.build import build as build_module
from pvuw.mose_plus.build.manifest import read_info, read_manifest
from pvuw.mose_plus.build.verify import verify_build
from pvuw.mose_plus.config import load_config
from tests.pvuw.mose_plus.build_make import (
    FRAMES,
    SIZE_HW,
    build,
    names_in,
    settings,
    tree,
    write_sources,
)

ROOT = Path(__file__).parents[4]
NAMES = ["0a", "0b", "0c", "lvos_0a_long", "lvos_Zz"]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return write_sources(tmp_path_factory.mktemp("sources"))


@pytest.fixture(scope="module")
def whole(source, tmp_path_factory):
    """A build that nothing disturbed, with a held-out video."""
    path = settings(source, build="valid_share: 0.4")
    out = tmp_path_factory.mktemp("whole") / "out"
    return path, out, build(path, out)


def test_layout(whole):
    _, out, entries = whole
    videos = {entry.built.video_id: entry.built for entry in entries}
    assert sorted(videos) == NAMES
    held_out = [name for name, video in videos.items() if video.subset == "valid"]
    assert len(held_out) == 1
    assert held_out[0] in ("0a", "0b", "0c")
    assert (out / "moseplus.txt").read_text().split() == NAMES
    assert (out / "train.txt").read_text().split() == sorted(set(NAMES) - set(held_out))
    assert (out / "valid.txt").read_text().split() == held_out
    for kind in ("JPEGImages", "Annotations", "GroundTruth"):
        assert names_in(out / "valid" / kind) == held_out
    names = [f"{t:05d}" for t in range(FRAMES)]
    for name in set(NAMES) - set(held_out):
        frames, masks = out / "train/JPEGImages" / name, out / "train/Annotations" / name
        assert names_in(frames) == [f"{stem}.jpg" for stem in names]
        assert names_in(masks) == [f"{stem}.png" for stem in names]
    assert names_in(out) == sorted(
        ["train", "valid", "moseplus.txt", "train.txt", "valid.txt", "manifest.jsonl", "build.json"]
    )
    assert verify_build(out, workers=1).problems == []


def test_ids_and_pixels_are_those_of_the_source(source, whole):
    _, out, entries = whole
    for entry in entries:
        folder = source / entry.source / "train/Annotations" / entry.video_id
        stored = np.stack([read_id_map(path) for path in sorted(folder.iterdir())])
        built = np.stack(
            [read_id_map(path) for path in sorted(entry.built.masks_dir(out).iterdir())]
        )
        assert [obj.source_id for obj in entry.built.objects] == ["1", "2", "7"]
        for obj in entry.built.objects:
            same = stored == int(obj.source_id)
            assert np.array_equal(built == obj.object_id, same)
            assert obj.pixels == np.count_nonzero(same) > 0
            assert obj.frames == np.count_nonzero(same.any(axis=(1, 2)))
        assert entry.built.size_hw == SIZE_HW
        assert Path(entry.frame_dir) == source / entry.source / "train/JPEGImages" / entry.video_id
        assert Path(entry.annotations) == folder
        assert entry.licence
        assert entry.traits.num_objects == 3


def test_the_files_read_back_as_they_were_returned(whole):
    path, out, entries = whole
    assert read_manifest(out) == entries
    info = read_info(out)
    assert info.config == load_config(path)
    assert set(info.evaluation) == {"davis_2017_val", "davis_2017_test_dev"}
    assert info.ranges["objects_per_frame"].num_videos == 3


def test_lightning_trains_and_validates_on_it(whole):
    from datamodules import ClipConfig, MOSEDataModule

    _, out, _ = whole
    module = MOSEDataModule(out, clip=ClipConfig(num_frames=2, clips_per_epoch=4), num_workers=0)
    module.setup("fit")
    batch = next(iter(module.train_dataloader()))
    assert batch.masks.any()
    ((query,),) = module.val_dataloader()
    assert list(query.prompt) == [0]
    assert len(query.truth.positions()) == FRAMES


def test_the_same_command_again_changes_nothing(whole):
    path, out, entries = whole
    before = tree(out)
    inodes = {name: (out / name).stat().st_ino for name in before if name.endswith("png")}
    assert build(path, out) == entries
    assert tree(out) == before
    assert {name: (out / name).stat().st_ino for name in inodes} == inodes  # nothing was rewritten


def test_workers_change_nothing(whole, tmp_path):
    path, out, _ = whole
    build(path, tmp_path / "two", workers=2)
    assert tree(tmp_path / "two") == tree(out)


KILLS = {
    "before the first mask": ("pvuw.mose_plus.build.video_out:write_id_map", 1),
    "among the masks of the third video": ("pvuw.mose_plus.build.video_out:write_id_map", 15),
    "before masks take their place": ("pvuw.mose_plus.build.video_out:Path.rename", 1),
    "between masks and frames": ("pvuw.mose_plus.build.video_out:Path.rename", 4),
    "before a video is noted": ("pvuw.mose_plus.cache:ResultCache._append", 8),
    "before the lists": ("pvuw.mose_plus.build.build:write_lists", 1),
    "before the manifest": ("pvuw.mose_plus.build.build:write_manifest", 1),
    "before tidying up": ("pvuw.mose_plus.build.build:shutil.rmtree", 7),
}


def run_driver(*arguments):
    command = [sys.executable, "-m", "tests.pvuw.mose_plus.kill_driver", *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)


@pytest.mark.parametrize("where", KILLS)
def test_killed_it_goes_on_to_the_same_bytes(whole, tmp_path, where):
    path, out, _ = whole
    killed = tmp_path / "out"
    assert run_driver(path, killed, *KILLS[where], 1).wait(60) == -signal.SIGKILL
    for images in killed.glob("*/JPEGImages"):  # no half video, at no time
        for video in names_in(images):
            assert len(names_in(images / video)) == FRAMES
            masks = images.parent / (
                "Annotations" if images.parent.name == "train" else "GroundTruth"
            )
            assert len(names_in(masks / video)) == FRAMES
    assert any("not finished" in line for line in problems_of(killed))
    build(path, killed)
    assert tree(killed) == tree(out)


def problems_of(out):
    try:
        return verify_build(out, workers=1).problems
    except DataError as error:
        return [str(error).replace("no finished build", "not finished")]


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_workers_end_with_a_killed_build(whole, tmp_path):
    path, out, _ = whole
    killed = tmp_path / "out"
    driver = run_driver(path, killed, "pvuw.mose_plus.cache:ResultCache._append", 7, 2)
    group = children_of(driver)
    assert driver.wait(60) == -signal.SIGKILL
    assert group, "the build started no workers"
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() and not is_zombie(pid) for pid in group):
        assert time.monotonic() < deadline, "orphaned workers live on"
        time.sleep(0.05)
    build(path, killed)
    assert tree(killed) == tree(out)


def children_of(process):
    """Ids of all children the process ever had while it ran."""
    found = set()
    while process.poll() is None:
        tasks = Path(f"/proc/{process.pid}/task")
        for file in tasks.glob("*/children"):
            try:
                found |= {int(pid) for pid in file.read_text().split()}
            except OSError:
                continue
        time.sleep(0.01)
    return found


def is_zombie(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")")[1].split()[0] == "Z"
    except OSError:
        return True


def test_other_settings_bring_a_build_up_to_date(source, tmp_path):
    out, fresh = tmp_path / "out", tmp_path / "fresh"
    build(settings(source, build="valid_share: 0.4"), out)
    less = [(f"root: {source}/lvos", f"root: {source}/lvos, quota: 1")]
    path = settings(source, build="frames: encode, short_side: 48", replace=less)
    build(path, out)
    build(path, fresh)
    assert tree(out) == tree(fresh)
    assert not (out / "valid").exists()
    assert len((out / "moseplus.txt").read_text().split()) == 4


def test_what_others_put_there_is_not_removed(source, tmp_path):
    out = tmp_path / "out"
    path = settings(source)
    build(path, out)
    note = out / "train/JPEGImages/mine"
    note.mkdir()
    build(path, out)
    assert note.exists()


def test_a_removed_video_is_built_again(source, tmp_path):
    out = tmp_path / "out"
    path = settings(source)
    build(path, out)
    before = tree(out)
    build_module.shutil.rmtree(out / "train/Annotations/0b")
    build(path, out)
    assert tree(out) == before


def test_a_changed_source_is_built_again(tmp_path):
    source, out = write_sources(tmp_path), tmp_path / "out"
    path = settings(source)
    (before,) = [e.built.masks_digest for e in build(path, out) if e.video_id == "0b"]
    mask = source / "mose/train/Annotations/0b/00002.png"
    mask.write_bytes((mask.parent / "00001.png").read_bytes())
    (after,) = [e.built.masks_digest for e in build(path, out) if e.video_id == "0b"]
    assert after != before
    assert verify_build(out, workers=1).problems == []


def test_a_video_that_breaks_is_refused_and_the_others_are_built(tmp_path, monkeypatch):
    source, out = write_sources(tmp_path), tmp_path / "out"

    def break_one(record, folder, config):
        if record.video_id == "Zz":
            raise DataError("frame.jpg: truncated; copy it again")
        return original(record, folder, config)

    original = build_module.write_video.__globals__["write_frames"]
    monkeypatch.setitem(build_module.write_video.__globals__, "write_frames", break_one)
    entries = build(settings(source), out)
    (broken,) = [entry for entry in entries if not entry.admitted]
    assert broken.video_id == "Zz"
    assert broken.reason == "could not be built: frame.jpg: truncated; copy it again"
    assert broken.built is None
    assert "lvos_Zz" not in (out / "moseplus.txt").read_text()
    assert verify_build(out, workers=1).problems == []


def test_a_folder_with_other_things_is_left_alone(source, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.tex").touch()
    with pytest.raises(DataError, match="holds something that is no build; choose another --out"):
        build(settings(source), out)
    assert [path.name for path in out.iterdir()] == ["thesis.tex"]


def test_two_builds_at_once_are_refused(source, tmp_path):
    work = tmp_path / "out" / build_module.WORK
    lock = FolderLock(work)
    with pytest.raises(DataError, match="another run is writing into it"):
        build(settings(source), tmp_path / "out")
    lock.release()
    build(settings(source), tmp_path / "out")
    assert not work.exists()


def test_hard_links_across_file_systems_are_refused_at_once(source, tmp_path, monkeypatch):
    class Elsewhere:
        st_dev = -1

    out, stat = tmp_path / "out", Path.stat
    monkeypatch.setattr(
        Path, "stat", lambda self, **o: Elsewhere() if self == out else stat(self, **o)
    )
    monkeypatch.setattr(build_module, "_check_is_ours", lambda out: None)
    with pytest.raises(DataError, match=r"set build\.frames to symlink or encode"):
        build(settings(source), out)
