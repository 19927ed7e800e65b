import json

import pytest

from datamodules.mixing import TrainSource, long_enough, pools_of_build, stride_factor
from pvuw.errors import DataError
from tests.datamodules.make import boxes, masks_of, moving, videos_of, write_ovis, write_video


@pytest.fixture
def build(tmp_path):
    """Four videos and a manifest that gives them sources and rates."""

    def write(**origins):
        lines = [{"source": "burst", "fps": 6.0, "built": None}]
        for video_id, (source, fps) in origins.items():
            write_video(tmp_path / "train", video_id, moving(3))
            lines.append({"source": source, "fps": fps, "built": {"video_id": video_id}})
        path = tmp_path / "manifest.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return videos_of(tmp_path / "train"), path

    return write


def test_stride_factors():
    assert [stride_factor(fps) for fps in (1.0, 5.0, 5.5, 6.0, 24.0, 30.0)] == [1, 1, 1, 1, 4, 5]
    assert stride_factor(None) == 1


def test_a_source_of_two_rates_shares_its_weight(build):
    videos, path = build(
        a=("davis_2017", 24.0), b=("mose", 5.0), c=("davis_2017", 24.0), d=("davis_2017", 6.0)
    )
    found = pools_of_build(videos, path, weights={"mose": 1.0, "davis_2017": 6.0}, num_frames=2)
    assert [(p.name, p.weight, p.stride_factor, [v.video_id for v in vs]) for p, vs in found] == [
        ("davis_2017", 2.0, 1, ["d"]),
        ("davis_2017", 4.0, 4, ["a", "c"]),
        ("mose", 1.0, 1, ["b"]),
    ]
    unweighted = pools_of_build(videos, path, weights=None, num_frames=2)
    assert [(pool.weight, pool.share) for pool, _ in unweighted] == [
        (None, 1),
        (None, 2),
        (None, 1),
    ]


def test_short_videos_of_a_build_are_left_out(build, tmp_path):
    videos, path = build(a=("mose", 5.0), b=("mose", 5.0))
    write_video(tmp_path / "train", "short", moving(2))
    videos = videos_of(tmp_path / "train")
    with pytest.warns(UserWarning, match="1 of 3 videos are left out"):
        ((pool, kept),) = pools_of_build(videos, path, weights=None, num_frames=3)
    assert pool.num_videos == len(kept) == 2


def test_broken_videos_are_not_quietly_left_out(tmp_path):
    write_video(tmp_path, "fine", moving(3))
    write_video(tmp_path, "bare", moving(3), masked=set())
    write_video(tmp_path, "lost", moving(3))
    (tmp_path / "JPEGImages/lost/00002.png").unlink()
    videos = videos_of(tmp_path)
    assert long_enough(videos, 3, name="all") == videos


def test_records_without_objects_are_left_out(tmp_path):
    clips = {"v": masks_of(moving(3)), "w": masks_of(moving(3))}
    write_ovis(tmp_path, clips)
    path = tmp_path / "annotations_train.json"
    content = json.loads(path.read_text())
    content["annotations"] = [a for a in content["annotations"] if a["video_id"] == 1]
    path.write_text(json.dumps(content))
    records = TrainSource("ovis", tmp_path).records(index=None, workers=1)
    assert [record.video_id for record in records] == ["v", "w"]
    with pytest.warns(UserWarning, match="ovis: 1 of 2 videos are left out"):
        assert [r.video_id for r in long_enough(records, 3, name="ovis")] == ["v"]


def test_nothing_to_train_on(tmp_path):
    write_video(tmp_path, "v", [boxes()] * 2)
    with pytest.raises(DataError, match="mose: none of 1 videos has 3 frames"):
        long_enough(videos_of(tmp_path), 3, name="mose")


def test_settings_out_of_range(tmp_path):
    with pytest.raises(ValueError, match="weight of ovis must be above 0"):
        TrainSource("ovis", tmp_path, weight=0)
    with pytest.raises(ValueError, match="stride_factor of ovis must be at least 1"):
        TrainSource("ovis", tmp_path, stride_factor=0)
