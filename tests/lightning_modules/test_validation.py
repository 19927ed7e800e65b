import time
from contextlib import contextmanager

import pytest
import torch

from lightning_modules import VOSModule
from lightning_modules.validation import (
    Scorer,
    ValidationClock,
    add_score,
    at_most,
    metric_for,
    names_of_sets,
)
from pvuw.errors import DataError
from pvuw.io.listing import VideoFolder, list_videos
from pvuw.io.queries import Query
from pvuw.losses import VOSLoss
from pvuw.nets.copy_first import CopyFirst
from pvuw.nets.sam2 import Sam2
from pvuw.nets.xmem import XMem
from pvuw.nets.xmem.modules import XMemWidths
from pvuw.types import FrameOutput, FramePrediction, ScoredQuery
from tests.helpers import synthetic


def score(frames, *, data_set="", query_id="squares"):
    """The score of predicted frames."""
    scores, frames = [], list(frames)
    with Scorer("mose", data_set, scores.append).open(query_id, len(frames)) as write:
        for frame in frames:
            write(frame)
    (scored,) = scores
    return scored


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
    scored = score(frames_of(num_frames, hide=[7]), data_set="mine")
    assert (scored.data_set, scored.query_id, scored.num_frames) == ("mine", "squares", num_frames)
    assert scored.object_ids == [1, 3, 7]
    assert scored.j[:2] == [1.0, 1.0]
    # 7 is outside in two of the six scored frames, where missing it is right.
    assert scored.j[2] == pytest.approx(2 / 6)
    assert "reappearing" in scored.buckets[2]
    assert scored.jf == pytest.approx((1 + 1 + 1 / 3) / 3)


class Small(CopyFirst):
    """Sees frames at half their size."""

    def network_size(self, size_hw):
        return size_hw[0] // 2, size_hw[1] // 2


@pytest.mark.parametrize(("resolution", "divisor"), [("full", 1), ("network", 2)])
def test_frames_masks_and_truth_are_compared_at_one_size(resolution, divisor, tmp_path):
    root = synthetic.write_mose_root(tmp_path) / "valid"
    source = VideoFolder(root / "JPEGImages", root / "Annotations", root / "GroundTruth")
    (video,) = list_videos(source)
    module = VOSModule(Small(), VOSLoss(), val_resolution=resolution)
    frames, scores = FrameList(), ScoreList()
    module.frame_sinks.append(frames)
    module.score_sinks.append(scores)
    module.validation_step([Query.of(video)], 0)
    wanted = tuple(side // divisor for side in synthetic.SIZE_HW)
    assert len(frames.kept) == synthetic.NUM_FRAMES
    for frame in frames.kept:
        assert frame.frame.shape == (3, *wanted)
        assert frame.id_map.shape == frame.truth.shape == wanted
        full = torch.from_numpy(synthetic.id_map(frame.frame_idx))
        # Halved, a pixel's centre falls on the second of two.
        assert torch.equal(frame.truth, full[divisor - 1 :: divisor, divisor - 1 :: divisor])
    (scored,) = scores.kept
    assert 0 < scored.jf < 1


class FrameList:
    """Keeps what is streamed; a `FrameSink`."""

    def __init__(self):
        self.kept = []

    @contextmanager
    def open(self, query_id, num_frames):
        yield self.kept.append


class ScoreList:
    """Keeps scores; a `ScoreSink`."""

    def __init__(self):
        self.kept = []

    def take_score(self, score):
        self.kept.append(score)


def test_the_size_of_a_network_counts_where_it_is_smaller():
    size_of = at_most(Sam2(image_size=64).network_size)
    assert size_of((48, 200)) == (64, 64)
    assert size_of((48, 80)) == (48, 80)
    net = XMem(widths=XMemWidths(key=16, value=32, sensory=8, trunk=8))
    assert net.network_size((1080, 1920)) == (480, 853)


def test_frame_without_truth_and_too_short_videos_are_named():
    with pytest.raises(DataError, match="squares: frame 00000 has no ground truth"):
        score(frames_of(3, truth=False))
    with pytest.raises(DataError, match="squares: 2 frames leave none to score"):
        score(frames_of(2))


def test_scores_per_set_and_bucket_are_over_objects():
    metric = metric_for(["mose", "davis"])
    rows = [("mose", [0.2, 0.4], [("small",), ()]), ("davis", [0.9], [("small", "occluded")])]
    for data_set, values, buckets in rows:
        ids = list(range(len(values)))
        add_score(metric, ScoredQuery(data_set, "v", 5, ids, values, values, buckets))
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
