import json
from dataclasses import replace

import numpy as np
import pytest

from pvuw.metrics.accumulate import VideoResult
from pvuw.report.sides import SideFacts
from tests.pvuw.report.make import FRAMES, entry_of, queries, settings, write_folders


@pytest.fixture
def root(tmp_path):
    return write_folders(tmp_path)


def entry(root, video_id, **options):
    return entry_of(queries(root)[video_id], settings(root, **options))


def test_summary_has_the_scores_of_both_sides(root):
    summary = entry(root, "bad").summary
    assert [o.object_id for o in summary.objects] == [1, 3]
    one = summary.objects[0]
    assert [row.j for row in one.scores] == [0.5, 1.0]
    assert (one.num_visible, one.absences) == (FRAMES, 0)
    assert (summary.objects[1].num_visible, summary.objects[1].absences) == (FRAMES - 2, 1)
    assert len(summary.rows(0)) == 2


def test_payload_has_few_pictures_and_every_frame_in_the_curves(root):
    data = json.loads(entry(root, "bad").payload)
    assert (data["size"], data["pixels"]) == ([30, 40], 48 * 64)
    assert data["picks"] == [0, 2, 4, 5, 7]
    assert data["names"][-1] == "00007"
    assert [side["label"] for side in data["sides"]] == ["new", "old", "truth"]
    assert [len(side["masks"]) for side in data["sides"]] == [5, 5, 5]
    assert data["sides"][0]["j"][0] == [None, 1000, 1000, 1000, 0, 0, 0, None]
    assert data["sides"][2]["j"] is None
    assert data["sides"][2]["area"][1][2:5] == [144, 0, 0]
    assert len(data["pictures"]) == 5


def test_worst_frame_is_among_the_pictures(root):
    data = json.loads(entry(root, "bad", frames_per_video=3).payload)
    scores = data["sides"][0]["j"]
    lowest = min(range(1, FRAMES - 1), key=lambda t: scores[0][t] + scores[1][t])
    assert lowest in data["picks"]


def test_missing_mask_is_null_and_the_rest_is_shown(root):
    (root / "runs/new/Annotations/good/00000.png").unlink()
    made = entry(root, "good")
    data = json.loads(made.payload)
    assert data["sides"][0]["masks"][0] is None
    assert data["sides"][0]["masks"][1] is not None
    assert data["notes"] == made.summary.problems
    assert made.summary.rows(0) == []


def test_broken_frame_is_a_problem_and_its_masks_are_shown(root):
    frame = root / "JPEGImages/good/00007.jpg"
    frame.write_bytes(b"")
    made = entry(root, "good")
    data = json.loads(made.payload)
    assert [picture is None for picture in data["pictures"]] == [False] * 4 + [True]
    assert data["sides"][0]["masks"][4] is not None
    (problem,) = made.summary.problems
    assert problem.startswith(f"{frame}: ")
    assert data["notes"] == [problem]


def test_video_of_unknown_size_has_nothing_to_show(root):
    (root / "JPEGImages/good/00000.jpg").write_bytes(b"")
    made = entry(root, "good")
    assert made.payload is None
    assert made.summary.num_pictures == 0
    (problem,) = made.summary.problems
    assert problem.startswith(f"{root / 'JPEGImages/good/00000.jpg'}: ")


def test_mosev2_is_headed_by_its_adaptive_boundary_measure():
    ones, nans = np.ones((1, 2)), np.full((1, 2), np.nan)
    result = VideoResult([1], ones, ones / 2, ones / 4, ones > 0, ones > 0, {}, [])
    assert SideFacts("a", [], result).boundary_scores().tolist() == [[0.25, 0.25]]
    plain = replace(result, f_adaptive=nans)
    assert SideFacts("a", [], plain).boundary_scores().tolist() == [[0.5, 0.5]]
