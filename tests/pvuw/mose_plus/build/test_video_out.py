import dataclasses

import numpy as np
import pytest

from pvuw.errors import DataError
from pvuw.io.masks import read_id_map
from pvuw.mose_plus.build import video_out
from pvuw.mose_plus.build.build_config import BuildConfig
from pvuw.mose_plus.build.plan import ChosenVideo
from pvuw.mose_plus.build.video_out import BuildTask, remove_video, write_video
from tests.pvuw.mose_plus.build_make import tree
from tests.pvuw.mose_plus.make import write_record


def id_maps():
    """Object 1 always, 2 in the first frame only, 3 never (hidden), 4 from the second on."""
    maps = np.zeros((3, 40, 60), dtype=np.uint8)
    maps[:, 5:20, 5:20] = 1
    maps[0, 30:, :10] = 2
    maps[1:, 30:, 40:] = 4
    return maps


def task(tmp_path, subset="train", maps=None, **config):
    maps = id_maps() if maps is None else maps
    record = write_record(tmp_path / "source", maps)
    video = ChosenVideo(record, "v", subset)
    return BuildTask(video, tmp_path / "out", tmp_path / "out/.work", BuildConfig(**config))


def stored(folder):
    return np.stack([read_id_map(path) for path in sorted(folder.iterdir())])


def test_ids_close_up_and_pixels_are_counted(tmp_path):
    built = write_video(task(tmp_path))
    found = stored(tmp_path / "out/train/Annotations/v")
    expected = id_maps()
    expected[expected == 4] = 3
    assert np.array_equal(found, expected)
    assert [
        (o["object_id"], o["record_id"], o["source_id"], o["pixels"], o["frames"])
        for o in built["objects"]
    ] == [(1, 1, "1", 675, 3), (2, 2, "2", 100, 1), (3, 4, "4", 400, 2)]
    assert built["size_hw"] == (40, 60)
    assert built["source_frames"] == ("00000.jpg", "00001.jpg", "00002.jpg")


def test_validation_knows_the_objects_of_the_first_frame_only(tmp_path):
    built = write_video(task(tmp_path, "valid"))
    out = tmp_path / "out/valid"
    prompts, truth = stored(out / "Annotations/v"), stored(out / "GroundTruth/v")
    assert len(prompts) == 1
    assert np.array_equal(prompts[0], truth[0])
    expected = id_maps()
    expected[expected == 4] = 0
    assert np.array_equal(truth, expected)
    assert [o["record_id"] for o in built["objects"]] == [1, 2]


def test_masks_follow_the_frames_size(tmp_path):
    built = write_video(task(tmp_path, short_side=20))
    found = stored(tmp_path / "out/train/Annotations/v")
    assert found.shape == (3, 20, 30)
    assert built["num_encoded"] == 3
    assert built["frame_mode"] == "encode"
    assert built["objects"][1]["pixels"] == np.count_nonzero(found == 2) == 25


def test_an_empty_video_is_refused_and_leaves_nothing(tmp_path):
    maps = np.zeros((2, 40, 60), dtype=np.uint8)
    maps[0, 0, 1] = 1  # falls between the pixels of a smaller mask
    with pytest.raises(DataError, match="no object has a pixel in the video at 24x16"):
        write_video(task(tmp_path, maps=maps, short_side=16))
    assert not any(content for content in tree(tmp_path / "out").values())


def test_frames_come_last_and_go_first(tmp_path, monkeypatch):
    seen = []
    rename = video_out.Path.rename
    monkeypatch.setattr(
        video_out.Path, "rename", lambda self, to: (seen.append(to.parent.name), rename(self, to))
    )
    write_video(task(tmp_path, "valid"))
    assert seen == ["GroundTruth", "Annotations", "JPEGImages"]
    gone = []
    rmtree = video_out.shutil.rmtree
    monkeypatch.setattr(
        video_out.shutil, "rmtree", lambda path: (gone.append(path.parent.name), rmtree(path))
    )
    remove_video(tmp_path / "out", "valid", "v")
    assert gone == seen[::-1]


def test_a_second_build_replaces_the_first(tmp_path):
    first = task(tmp_path)
    write_video(first)
    before = tree(tmp_path / "out")
    write_video(dataclasses.replace(first, config=BuildConfig(short_side=20)))
    write_video(first)
    assert tree(tmp_path / "out") == before
