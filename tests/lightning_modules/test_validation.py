import time

import pytest
import torch

from lightning_modules.validation import (
    ValidationClock,
    add_score,
    metric_for,
    names_of_sets,
    score_video,
)
from pvuw.errors import DataError
from pvuw.io.videos import Video
from pvuw.types import FrameOutput, FramePrediction, ScoredVideo
from tests.helpers import synthetic


def video_of(num_frames, name="squares"):
    return Video(name, [f"{time:05d}.jpg" for time in range(num_frames)])


def frames_of(num_frames, *, hide=(), truth=True):
    """Perfect predictions of the squares, but with the objects in `hide` missing."""
    for time_ in range(num_frames):
        right = torch.from_numpy(synthetic.id_map(time_))
        predicted = right.clone()
        for object_id in hide:
            predicted[predicted == object_id] = 0
        yield FramePrediction(
            frame_idx=time_,
            frame_name=f"{time_:05d}",
            frame=torch.zeros(3, *synthetic.SIZE_HW, dtype=torch.uint8),
            id_map=predicted,
            output=FrameOutput([1, 3, 7], torch.zeros(3, 4, 4)),
            truth=right if truth else None,
        )


def test_a_video_is_scored_object_by_object_with_its_buckets():
    num_frames = synthetic.NUM_FRAMES
    scored = score_video(
        video_of(num_frames), frames_of(num_frames, hide=[7]), protocol="mose", data_set="mine"
    )
    assert (scored.data_set, scored.video_id, scored.num_frames) == ("mine", "squares", num_frames)
    assert scored.object_ids == [1, 3, 7]
    assert scored.j[:2] == [1.0, 1.0]
    # 7 is outside in two of the six scored frames, where missing it is right.
    assert scored.j[2] == pytest.approx(2 / 6)
    assert "reappearing" in scored.buckets[2]
    assert scored.jf == pytest.approx((1 + 1 + 1 / 3) / 3)


def test_frame_without_truth_and_too_short_videos_are_named():
    with pytest.raises(DataError, match="squares: frame 00000 has no ground truth"):
        score_video(video_of(3), frames_of(3, truth=False), protocol="mose", data_set="")
    with pytest.raises(DataError, match="squares: 2 frames leave none to score"):
        score_video(video_of(2), frames_of(2), protocol="mose", data_set="")


def test_scores_per_set_and_bucket_are_over_objects():
    metric = metric_for(["mose", "davis"])
    rows = [("mose", [0.2, 0.4], [("small",), ()]), ("davis", [0.9], [("small", "occluded")])]
    for data_set, values, buckets in rows:
        ids = list(range(len(values)))
        add_score(metric, ScoredVideo(data_set, "v", 5, ids, values, values, buckets))
    scores = {name: float(value) for name, value in metric.compute().items() if "jf" in name}
    assert scores == pytest.approx(
        {
            "jf": 0.5,
            "mose/jf": 0.3,
            "davis/jf": 0.9,
            "small_jf": (0.2 + 0.9) / 2,
            "occluded_jf": 0.9,
        }
    )


def test_sets_are_named_only_where_there_are_several():
    assert names_of_sets({"a": [], "b": []}) == ["a", "b"]
    assert names_of_sets([]) == [""]
    assert metric_for([""]).groups == metric_for([]).groups


def test_clock_knows_the_share_of_a_run():
    clock = ValidationClock()
    clock.start()
    assert set(clock.stop()) == {"seconds"}  # no run, as in `pvuw validate`
    clock.start_run()
    time.sleep(0.02)
    clock.start()
    time.sleep(0.02)
    values = clock.stop()
    assert values["seconds"] >= 0.02
    assert 0 < values["time_share"] < 1
