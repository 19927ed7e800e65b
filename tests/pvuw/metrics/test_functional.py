import csv
import math
from pathlib import Path

import numpy as np
import pytest

from pvuw.io.masks import read_id_map
from pvuw.metrics.functional import (
    DAVIS_ABSENT,
    MOSEV2_ABSENT,
    boundary_measure,
    davis_scores,
    mosev2_scores,
    region_similarity,
)
from tests.pvuw.metrics import naive

FROZEN = Path(__file__).parents[2] / "data" / "metrics"
SHARED = Path(__file__).parents[4] / "shared" / "data" / "metrics_pair"
SOURCES = [
    pytest.param(FROZEN, "frames", id="frozen"),
    pytest.param(
        SHARED,
        "official_per_frame",
        id="shared",
        marks=pytest.mark.skipif(not SHARED.exists(), reason="needs the shared sample data"),
    ),
]


def reference_rows(root, protocol, suffix):
    with (root / f"{protocol}_{suffix}.csv").open() as file:
        return list(csv.DictReader(file))


def scores_of_frames(root, rows, measure):
    frames = {(row["sequence"], row["frame"]) for row in rows}
    return {
        (video, frame): measure(
            *(read_id_map(root / side / video / f"{frame}.png") for side in ("gt", "pred"))
        )
        for video, frame in frames
    }


@pytest.mark.parametrize(("root", "suffix"), SOURCES)
def test_davis_equals_the_official_evaluator(root, suffix):
    rows = reference_rows(root, "davis2017", suffix)
    scores = scores_of_frames(root, rows, davis_scores)
    assert len(rows) >= 20
    for row in rows:
        score = scores[row["sequence"], row["frame"]].get(int(row["object"]), DAVIS_ABSENT)
        assert (score.j, score.f) == (float(row["J"]), float(row["F"])), row


@pytest.mark.parametrize(("root", "suffix"), SOURCES)
def test_mosev2_equals_the_official_scorer(root, suffix):
    rows = reference_rows(root, "mosev2", suffix)
    scores = scores_of_frames(root, rows, mosev2_scores)
    assert len(rows) >= 20
    for row in rows:
        score = scores[row["sequence"], row["frame"]].get(int(row["object"]), MOSEV2_ABSENT)
        assert (score.j, score.f) == (float(row["J"]), float(row["F"])), row
        assert score.f_adaptive == float(row["Fdot"]), row
        assert (score.truth_area == 0) == (row["empty_gt"] == "1"), row


def ellipse(shape, centre, axes):
    y, x = np.mgrid[: shape[0], : shape[1]]
    return ((y - centre[0]) / axes[0]) ** 2 + ((x - centre[1]) / axes[1]) ** 2 <= 1


def edge_cases():
    """Named pairs of bool masks on which a cropping implementation could go wrong."""
    shape = (41, 67)
    empty, full = np.zeros(shape, bool), np.ones(shape, bool)
    left, bottom, corner, pixel, last = (np.zeros(shape, bool) for _ in range(5))
    left[:, :9] = bottom[-5:] = corner[30:, 50:] = pixel[20, 30] = last[-1, -1] = True
    hole = full.copy()
    hole[10:20, 10:20] = False
    first_row, last_column = np.zeros(shape, bool), np.zeros(shape, bool)
    first_row[0] = last_column[:, -1] = True
    masks = {
        "empty": empty,
        "full": full,
        "left": left,
        "bottom": bottom,
        "corner": corner,
        "pixel": pixel,
        "last pixel": last,
        "hole": hole,
        "first row": first_row,
        "last column": last_column,
        "blob": ellipse(shape, (20, 30), (9, 14)),
    }
    return [
        pytest.param(truth, prediction, id=f"{name} / {other}")
        for name, truth in masks.items()
        for other, prediction in masks.items()
    ]


def assert_equals_naive(truth, prediction, object_id=1):
    maps = [np.where(mask, np.uint8(object_id), np.uint8(0)) for mask in (truth, prediction)]
    davis = davis_scores(*maps).get(object_id, DAVIS_ABSENT)
    assert (davis.j, davis.f) == naive.davis(truth, prediction)
    mosev2 = mosev2_scores(*maps).get(object_id, MOSEV2_ABSENT)
    assert (mosev2.j, mosev2.f, mosev2.f_adaptive) == naive.mosev2(truth, prediction)


@pytest.mark.parametrize(("truth", "prediction"), edge_cases())
def test_edge_cases_equal_the_definition(truth, prediction):
    assert_equals_naive(truth, prediction)


@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (30, 1), (2, 2), (17, 23), (95, 160)])
@pytest.mark.parametrize("object_id", [1, 255])
def test_random_masks_equal_the_definition(shape, object_id):
    rng = np.random.default_rng(shape[0] * 1000 + shape[1])
    for density in (0.02, 0.5, 0.98):
        truth, prediction = rng.random((2, *shape)) < density
        assert_equals_naive(truth, prediction, object_id)


@pytest.mark.parametrize("seed", range(12))
def test_blobs_equal_the_definition(seed):
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(60, 140, 2))
    # Blobs that leave the frame, miss each other, and cross MOSEv2's cap in either direction.
    truth, prediction = (
        ellipse(shape, rng.integers(-5, 130, 2), rng.integers(2, 50, 2)) for _ in range(2)
    )
    assert_equals_naive(truth, prediction)
    assert_equals_naive(truth, np.roll(truth, (1, 2), axis=(0, 1)))


def test_large_radius_equals_the_definition():
    """At 720 x 40 the diagonal asks for a disk that is wider than the object's box."""
    truth = ellipse((720, 40), (360, 20), (6, 6))
    assert_equals_naive(truth, np.roll(truth, 5, axis=0))


def test_objects_do_not_influence_each_other():
    rng = np.random.default_rng(3)
    truth, prediction = rng.integers(0, 4, (2, 30, 40), dtype=np.uint8)
    truth[truth == 3] = 255
    scores = davis_scores(truth, prediction)
    assert list(scores) == [1, 2, 3, 255]
    for object_id, score in scores.items():
        expected = naive.davis(truth == object_id, prediction == object_id)
        assert (score.j, score.f) == expected
        assert score.truth_area == (truth == object_id).sum()
        assert score.predicted_area == (prediction == object_id).sum()


def test_inputs_stay_as_they_are():
    rng = np.random.default_rng(4)
    truth, prediction = rng.integers(0, 3, (2, 20, 20), dtype=np.uint8)
    copies = truth.copy(), prediction.copy()
    davis_scores(truth, prediction)
    mosev2_scores(truth, prediction)
    assert np.array_equal(truth, copies[0])
    assert np.array_equal(prediction, copies[1])


def test_views_are_accepted():
    rng = np.random.default_rng(5)
    truth, prediction = rng.integers(0, 3, (2, 40, 60), dtype=np.uint8)
    strided = davis_scores(truth[::2, 1::2], prediction[::2, 1::2])
    assert strided == davis_scores(truth[::2, 1::2].copy(), prediction[::2, 1::2].copy())


def test_nothing_anywhere_lists_no_object():
    assert davis_scores(*np.zeros((2, 8, 8), dtype=np.uint8)) == {}


def test_mosev2_smooths_only_j():
    truth, prediction = np.zeros((2, 50, 50), dtype=np.uint8)
    prediction[3, 3:7] = 1
    score = mosev2_scores(truth, prediction)[1]
    assert (score.j, score.f, score.f_adaptive) == (1 / 5, 0.0, 0.0)


def test_davis_has_no_adaptive_f():
    mask = np.eye(5, dtype=np.uint8)
    assert math.isnan(davis_scores(mask, mask)[1].f_adaptive)


@pytest.mark.parametrize(
    ("truth", "prediction", "message"),
    [
        (np.zeros((4, 5), np.uint8), np.zeros((5, 4), np.uint8), r"one size, got \[4, 5\]"),
        (np.zeros((4, 5), np.int64), np.zeros((4, 5), np.uint8), "must be uint8"),
        (np.zeros((1, 4, 5), np.uint8), np.zeros((1, 4, 5), np.uint8), "must be uint8"),
    ],
)
def test_wrong_maps_are_refused(truth, prediction, message):
    with pytest.raises(ValueError, match=message):
        davis_scores(truth, prediction)


def test_mask_functions_take_bool_masks():
    truth = ellipse((60, 80), (30, 40), (12, 20))
    prediction = np.roll(truth, 3, axis=1)
    expected = naive.davis(truth, prediction)
    assert (region_similarity(truth, prediction), boundary_measure(truth, prediction)) == expected
    empty = np.zeros_like(truth)
    assert (region_similarity(empty, empty), boundary_measure(empty, empty)) == (1.0, 1.0)
