import csv
import json
import math
import tracemalloc

import numpy as np
import pytest

from pvuw.metrics.accumulate import VideoScore, clip_means
from tests.helpers.noise import DOUBLE_SUMMATION
from tests.pvuw.metrics.test_functional import FROZEN


def square(object_id=1, column=5):
    id_map = np.zeros((30, 40), np.uint8)
    id_map[5:15, column : column + 10] = object_id
    return id_map


EMPTY = np.zeros((30, 40), np.uint8)


def score(protocol, frames, object_ids=None):
    video = VideoScore(object_ids, protocol)
    for truth, prediction in frames:
        video.add(truth, prediction)
    return video.result()


@pytest.mark.parametrize("protocol", ["davis2017", "mose", "mosev2"])
def test_first_and_last_frame_do_not_count(protocol):
    right, wrong = (square(), square()), (square(), EMPTY)
    result = score(protocol, [wrong, right, right, wrong])
    assert result.object_ids == [1]
    assert result.j.tolist() == [[1.0, 1.0]]
    assert result.f.tolist() == [[1.0, 1.0]]


@pytest.mark.parametrize("num_frames", [0, 1, 2])
def test_short_videos_have_no_score(num_frames):
    video = VideoScore([1], "mose")
    for _ in range(num_frames):
        video.add(square(), square())
    assert video.num_scored == 0
    with pytest.raises(ValueError, match=f"{num_frames} frames leave none to score"):
        video.result()


def test_three_frames_score_the_middle_one():
    result = score("mose", [(square(), EMPTY), (square(), square()), (square(), EMPTY)])
    assert result.j.tolist() == [[1.0]]


def late_object_video():
    """Ids 2 and 4 in the first frame, 1 and 7 enter later, 3 never exists."""
    first = square(4) + square(2, column=20)
    later = first.copy()
    later[20:25, 5:10], later[20:25, 15:20] = 1, 7
    return [(first, first), (first, first), (later, later), (later, later)]


def test_davis_scores_ids_up_to_the_largest_first_one_that_exist():
    result = score("davis2017", late_object_video())
    assert result.object_ids == [1, 2, 4]
    assert result.unscored_ids == [7]
    assert result.extra_ids == {7: 1}
    assert result.visible.tolist() == [[False, True], [True, True], [True, True]]
    assert (result.j == 1).all()


def test_mose_scores_the_first_frames_objects():
    result = score("mose", late_object_video())
    assert result.object_ids == [2, 4]
    assert result.unscored_ids == [1, 7]
    assert result.extra_ids == {1: 1, 7: 1}


def test_mosev2_scores_every_object_from_the_start():
    result = score("mosev2", late_object_video())
    assert result.object_ids == [1, 2, 4, 7]
    assert result.extra_ids == {}
    # Object 7 was rightly not predicted before it entered.
    assert result.f_adaptive.tolist()[3] == [1.0, 1.0]


def test_named_objects_overrule_the_protocol():
    result = score("davis2017", late_object_video(), object_ids=[4, 9])
    assert result.object_ids == [4, 9]
    assert result.j.tolist() == [[1.0, 1.0], [1.0, 1.0]]  # absent from both everywhere is right
    assert result.unscored_ids == [1, 2, 7]


def test_absence_is_scored_both_ways():
    frames = [(square(), square()), (EMPTY, EMPTY), (EMPTY, square()), (square(), EMPTY)]
    result = score("davis2017", [*frames, (square(), square())])
    assert result.j.tolist() == [[1.0, 0.0, 0.0]]
    assert result.f.tolist() == [[1.0, 0.0, 0.0]]
    assert result.visible.tolist() == [[False, False, True]]
    assert result.object_j.tolist() == [1 / 3]


def test_observed_frames_tell_of_objects_but_are_not_scored():
    video = VideoScore(None, "davis2017")
    video.observe(square(2))
    video.add(square(2), square(2))
    video.observe(square(1))
    video.add(square(2), EMPTY)
    video.observe(square(2))
    result = video.result()
    assert result.object_ids == [1, 2]
    assert result.j.tolist() == [[1.0, 1.0], [1.0, 0.0]]


def test_unknown_protocol_is_refused():
    with pytest.raises(ValueError, match="no protocol 'davis'; choose one of davis2017, mose"):
        VideoScore(None, "davis")


def test_memory_does_not_grow_with_the_frame():
    video = VideoScore(None, "mose")
    frame = np.zeros((1000, 1000), np.uint8)
    frame[100:900, 100:900] = 1
    video.add(frame, frame)
    tracemalloc.start()
    try:
        for _ in range(20):
            video.add(frame.copy(), frame.copy())
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 100_000  # less than a tenth of one id map


def official_clip_objects():
    with (FROZEN / "mosev2_clips.csv").open() as file:
        frames = list(csv.DictReader(file))
    with (FROZEN / "mosev2_objects.csv").open() as file:
        objects = {(row["sequence"], row["object"]): row for row in csv.DictReader(file)}
    for key in sorted({(row["sequence"], row["object"]) for row in frames}):
        rows = [row for row in frames if (row["sequence"], row["object"]) == key]
        yield pytest.param(rows, objects[key], id="-".join(key))


@pytest.mark.parametrize(("frames", "reference"), list(official_clip_objects()))
def test_clip_means_equal_the_official_scorer(frames, reference):
    visible = np.array([[row["empty_gt"] == "0" for row in frames]])
    for measure in ("J", "Fdot"):
        values = np.array([[float(row[measure]) for row in frames]])
        assert values.mean() == float(reference[measure])
        for means, suffix in zip(clip_means(values, visible), ("_d", "_r"), strict=True):
            expected = reference[measure + suffix]
            if expected:
                assert means.item() == pytest.approx(float(expected), abs=DOUBLE_SUMMATION)
            else:
                assert math.isnan(means.item())


def test_official_means_agree_with_the_reference_file():
    """The frozen figures belong together: the mean over objects is the scorer's overall J."""
    with (FROZEN / "mosev2_objects.csv").open() as file:
        values = [float(row["J"]) for row in csv.DictReader(file)]
    overall = json.loads((FROZEN / "mosev2_global.json").read_text())
    assert np.mean(values) == pytest.approx(overall["J"], abs=DOUBLE_SUMMATION)


@pytest.mark.parametrize(
    ("shown", "hidden", "back"),
    [
        ("111", None, None),
        ("000", None, None),
        ("0011", None, 3.5),
        ("1100", 3.5, None),
        ("0110", 4.0, 2.5),
        ("10110", (2 + 5) / 2, 3.5),
    ],
)
def test_clips_by_hand(shown, hidden, back):
    visible = np.array([[letter == "1" for letter in shown]])
    values = np.arange(1.0, len(shown) + 1)[None]
    for mean, expected in zip(clip_means(values, visible), (hidden, back), strict=True):
        assert math.isnan(mean.item()) if expected is None else mean.item() == expected
