import numpy as np
import pytest

from pvuw.ensemble.recommend.features import WINDOW_FRAMES
from pvuw.ensemble.recommend.video_meter import VideoMeter
from tests.pvuw.ensemble.scenes_of_squares import NUM_FRAMES, video, without


def measured(members, label=None, num_frames=NUM_FRAMES):
    meter = VideoMeter(list(members), data_set="d", video_id="v", protocol="mose")
    truth = video()
    for t in range(num_frames):
        masks = {name: maps[t] for name, maps in members.items()}
        meter.update(truth[t], (truth if label is None else label)[t], masks)
    return {(r.member, r.level, r.part): r for r in meter.rows()}


def test_rows_for_video_objects_and_windows():
    rows = measured({"good": video(), "bad": without(video(), 9, 8)})
    parts = [("video", 0), ("object", 3), ("object", 9), ("frame", 0), ("frame", WINDOW_FRAMES)]
    assert list(rows) == [(m, *part) for m in ("good", "bad") for part in parts]
    assert rows["bad", "object", 3].jf == 1
    lost = (NUM_FRAMES - 1 - 8) / (NUM_FRAMES - 2)  # of the scored frames
    assert rows["bad", "object", 9].j == pytest.approx(1 - lost)
    assert rows["bad", "video", 0].jf == pytest.approx(1 - lost / 2)
    assert rows["bad", "frame", 0].jf == 1
    assert rows["bad", "frame", WINDOW_FRAMES].jf == 0.5
    assert rows["bad", "frame", 0].num_frames == 7  # the first frame is not scored
    assert rows["good", "video", 0].num_frames == NUM_FRAMES - 2


def test_agreement_is_with_the_label_and_consensus_over_members():
    label = without(video(), 9, 8)
    rows = measured({"good": video(), "bad": label}, label)
    assert rows["bad", "video", 0].agreement == 1
    assert rows["good", "video", 0].agreement == pytest.approx(0.75)
    assert rows["good", "object", 9].agreement == 0.5
    assert rows["good", "video", 0].consensus == pytest.approx((1 + 0.75) / 2)
    good, bad = (rows[name, "video", 0].features.vector for name in ("good", "bad"))
    np.testing.assert_array_equal(good, bad)  # NaN, not known without frames, equals NaN here


def test_an_object_that_the_label_never_shows_has_no_row():
    rows = measured({"good": video()}, without(video(), 9))
    assert ("good", "object", 3) in rows
    assert ("good", "object", 9) not in rows


def test_two_frames_are_not_enough():
    with pytest.raises(ValueError, match="the first and the last"):
        measured({"good": video()}, num_frames=2)
