import pytest
import torch

from callbacks.wandb_media import overlay_image, shrink_prediction
from callbacks.wandb_worst import COLUMNS, WandbWorst, _row, _wrong_share
from pvuw.types import FrameOutput, FramePrediction, ScoredQuery


def prediction(frame_idx, wrong):
    """A frame of 10 pixels of one object, `wrong` of which are predicted as background."""
    truth = torch.zeros(8, 8, dtype=torch.uint8)
    truth[0, :5] = truth[1, :5] = 3
    id_map = truth.clone()
    id_map.view(-1)[torch.nonzero(truth.view(-1)).flatten()[:wrong]] = 0
    frame = torch.zeros(3, 8, 8, dtype=torch.uint8)
    output = FrameOutput([3], torch.zeros(1, 2, 2))
    return FramePrediction(frame_idx, f"{frame_idx:05d}", frame, id_map, output, truth)


def feed(worst, video_id, *, wrong, jf):
    with worst.open(video_id, len(wrong)) as write:
        for frame_idx, count in enumerate(wrong):
            write(prediction(frame_idx, count))
    worst.take_score(ScoredQuery("set", video_id, len(wrong), [3], [jf], [jf], [("small",)]))


def test_the_worst_videos_stay_with_their_worst_frame():
    worst = WandbWorst(num_videos=2)
    feed(worst, "good", wrong=(0, 1, 0), jf=0.9)
    feed(worst, "bad", wrong=(2, 9, 5), jf=0.1)
    feed(worst, "middling", wrong=(0, 3, 4), jf=0.5)
    assert [clip.score.query_id for clip in worst._clips] == ["bad", "middling"]
    assert [clip.worst_frame.frame_idx for clip in worst._clips] == [1, 2]
    assert worst._clips[0].worst_frame.output.mask_logits.numel() == 0, "no logits are kept"


def test_queries_side_by_side_keep_a_frame_each():
    worst = WandbWorst(num_videos=2)
    with worst.open("v/a", 2) as first, worst.open("v/b", 2) as second:
        for frame_idx in range(2):
            first(prediction(frame_idx, 5 - frame_idx))
            second(prediction(frame_idx, 1 + frame_idx))
    for query_id in ("v/a", "v/b"):
        worst.take_score(ScoredQuery("", query_id, 2, [3], [0.5], [0.5], [()]))
    assert {clip.score.query_id: clip.worst_frame.frame_idx for clip in worst._clips} == {
        "v/a": 0,
        "v/b": 1,
    }


def test_share_of_wrong_pixels():
    frame = prediction(0, 4)
    assert _wrong_share(frame.id_map, frame.truth) == pytest.approx(0.4)
    empty = torch.zeros(4, 4, dtype=torch.uint8)
    assert _wrong_share(empty, empty) == 0


def test_a_row_names_set_scores_and_the_worst_object():
    pytest.importorskip("wandb")
    worst = WandbWorst()
    with worst.open("v", 1) as write:
        write(prediction(0, 4))
    buckets = [("small",), ("occluded", "small")]
    worst.take_score(ScoredQuery("set", "v", 1, [3, 5], [0.5, 0.1], [0.7, 0.3], buckets))
    row = dict(zip(COLUMNS, _row(worst._clips[0]), strict=True))
    assert row["video"] == "set/v"
    assert row["J&F"] == pytest.approx(0.4)
    assert row["worst object"] == 5
    assert row["kinds"] == "occluded, small"
    assert row["overlay"] is not None


def test_settings_are_checked():
    with pytest.raises(ValueError, match="must be at least 1, got 0, 512"):
        WandbWorst(num_videos=0)


def test_pictures_are_captioned_with_the_sentence():
    asked = prediction(2, 1)
    asked.sentence = "the red fish"
    image = overlay_image(shrink_prediction(asked, 4), caption="v/0 00002")
    assert image._caption == "v/0 00002: the red fish"
    assert overlay_image(prediction(2, 1), caption="v 00002")._caption == "v 00002"
