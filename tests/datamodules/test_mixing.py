import json

import pytest

from datamodules.mixing import TrainSource, long_enough, pools_of_build, stride_factor
from pvuw.errors import DataError
from tests.datamodules.make import boxes, masks_of, moving, videos_of, write_ovis, write_video


def write_manifest(root, origins, *, num_frames=3):
    lines = [{"source": "burst", "fps": 6.0, "built": None}]
    for video_id, (source, fps) in origins.items():
        frames = [f"img_{t}.jpg" for t in range(num_frames)]
        built = {"video_id": video_id, "subset": "train", "source_frames": frames}
        lines.append({"source": source, "fps": fps, "built": built})
    (root / "manifest.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return root


@pytest.fixture
def build(tmp_path):
    """Four videos and a manifest that gives them sources and rates."""

    def write(num_frames=3, **origins):
        for video_id in origins:
            write_video(tmp_path / "train", video_id, moving(num_frames))
        return write_manifest(tmp_path, origins, num_frames=num_frames)

    return write


def test_stride_factors():
    assert [stride_factor(fps) for fps in (1.0, 5.0, 5.5, 6.0, 24.0, 30.0)] == [1, 1, 1, 1, 4, 5]
    assert stride_factor(None) == 1


def test_a_source_of_two_rates_shares_its_weight(build):
    root = build(
        a=("davis_2017", 24.0), b=("mose", 5.0), c=("davis_2017", 24.0), d=("davis_2017", 6.0)
    )
    found = pools_of_build(root, weights={"mose": 1.0, "davis_2017": 6.0}, num_frames=2)
    assert [(p.name, p.weight, p.stride_factor, [v.video_id for v in vs]) for p, vs in found] == [
        ("davis_2017", 2.0, 1, ["d"]),
        ("davis_2017", 4.0, 4, ["a", "c"]),
        ("mose", 1.0, 1, ["b"]),
    ]
    unweighted = pools_of_build(root, weights=None, num_frames=2)
    assert [(pool.weight, pool.share) for pool, _ in unweighted] == [
        (None, 1),
        (None, 2),
        (None, 1),
    ]


def test_short_videos_of_a_build_are_left_out(tmp_path):
    for video_id, num_frames in (("a", 3), ("b", 3), ("short", 2)):
        write_video(tmp_path / "train", video_id, moving(num_frames))
    write_manifest(tmp_path, dict.fromkeys("ab", ("mose", 5.0)))
    lines = (tmp_path / "manifest.jsonl").read_text()
    write_manifest(tmp_path, {"short": ("mose", 5.0)}, num_frames=2)
    with (tmp_path / "manifest.jsonl").open("a") as file:
        file.write(lines)
    with pytest.warns(UserWarning, match="1 of 3 videos are left out"):
        ((pool, kept),) = pools_of_build(tmp_path, weights=None, num_frames=3)
    assert pool.num_videos == 2
    assert [video.video_id for video in kept] == ["a", "b"]


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
