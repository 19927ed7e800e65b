import json

import pytest

from pvuw.errors import DataError
from pvuw.sample.events import Absence, Cause
from pvuw.sample.manifest import (
    MANIFEST,
    Manifest,
    SampleSpec,
    SampleVideo,
    planned_videos,
    read_manifest,
    write_manifest,
)


def test_what_is_written_is_read_back(tmp_path):
    absences = [Absence(3, Cause.LEFT, 2, 4, 5), Absence(7, Cause.LATE, 0, 9, None)]
    record = SampleVideo("0123abcd", "valid", [3, 7], absences)
    manifest = Manifest(SampleSpec(1, 1, 10, (64, 96), 5), [record])
    write_manifest(tmp_path, manifest)
    assert read_manifest(tmp_path) == manifest
    stored = json.loads((tmp_path / MANIFEST).read_text())
    assert stored["spec"]["seed"] == 5
    assert stored["videos"][0]["absences"][0] == {
        "object_id": 3,
        "cause": "left",
        "first_frame": 2,
        "last_frame": 4,
        "returned_at": 5,
    }


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"spec": {"size_hw": 3}}', "\x00"])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / MANIFEST).write_text(content)
    with pytest.raises(DataError, match=r"sample\.json: not written by `pvuw sample`"):
        read_manifest(tmp_path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"sample\.json: no such file"):
        read_manifest(tmp_path)


def test_video_ids_look_like_moses_and_do_not_depend_on_the_number_of_videos():
    few, many = planned_videos(SampleSpec(3, 2)), planned_videos(SampleSpec(50, 20))
    assert [video.split for video in few] == ["train"] * 3 + ["valid"] * 2
    assert few == many[:3] + many[50:52]
    assert len({(video.split, video.video_id) for video in many}) == 70
    assert len({video.seed for video in many}) == 70
    for video in many:
        assert len(video.video_id) == 8
        assert int(video.video_id, 16) >= 0
        assert 0 <= video.seed < 2**32


def test_another_seed_gives_other_videos():
    first, second = (planned_videos(SampleSpec(5, 0, seed=seed)) for seed in (0, 1))
    assert not {video.seed for video in first} & {video.seed for video in second}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ((0, 0), "at least one video, got 0 train and 0 valid"),
        ((-1, 2), "at least one video, got -1 train and 2 valid"),
        ((1, 1, 0), "at least 1 frame, got 0"),
    ],
)
def test_empty_samples_are_refused(spec, message):
    with pytest.raises(DataError, match=message):
        SampleSpec(*spec)
