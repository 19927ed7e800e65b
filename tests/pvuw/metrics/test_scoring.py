import subprocess
import sys

import numpy as np
import pytest

from pvuw.metrics.names import VIDEO_PROTOCOL_NAMES
from pvuw.metrics.pairs import pair_trees
from pvuw.metrics.scoring import score_pair, score_pairs
from tests.pvuw.metrics.videos import square, write_pair

RIGHT = (square(), square())
WRONG = (square(), square(column=20))


def reports_of(folders, protocol="mose", *, void_id="auto", workers=1):
    pairs = pair_trees(*folders, "mose", void_id=void_id).pairs
    reports = score_pairs(pairs, protocol, workers=workers)
    return {report.query_id: report for report in reports}


def only_report(folders, protocol="mose", *, void_id="auto"):
    (report,) = reports_of(folders, protocol, void_id=void_id).values()
    return report


def test_scores_all_but_the_first_and_last_frame(tmp_path):
    report = only_report(write_pair(tmp_path, {"a": [WRONG, RIGHT, WRONG, RIGHT, WRONG]}))
    assert report.problems == []
    assert report.frame_names == ["00001", "00002", "00003"]
    assert report.result.j.tolist() == [[1.0, 0.0, 1.0]]


def test_longest_video_comes_first(tmp_path):
    folders = write_pair(tmp_path, {"a": [RIGHT] * 3, "b": [RIGHT] * 5, "c": [RIGHT] * 4})
    assert list(reports_of(folders)) == ["b", "c", "a"]


def test_workers_give_the_same_scores(tmp_path):
    rng = np.random.default_rng(0)
    videos = {
        name: [tuple(rng.integers(0, 3, (2, 20, 20), dtype=np.uint8)) for _ in range(4)]
        for name in "abc"
    }
    folders = write_pair(tmp_path, videos)
    alone, together = reports_of(folders), reports_of(folders, workers=2)
    assert alone.keys() == together.keys()
    for name, report in alone.items():
        assert np.array_equal(report.result.j, together[name].result.j)
        assert np.array_equal(report.result.f, together[name].result.f)


def test_void_is_background_of_the_truth(tmp_path):
    truth = square()
    truth[20:25] = 255
    folders = write_pair(tmp_path, {"a": [(truth, square())] * 3})
    assert only_report(folders, void_id=255).result.object_ids == [1]
    assert only_report(folders, void_id=255).result.j.tolist() == [[1.0]]
    assert only_report(folders, void_id=None).result.object_ids == [1, 255]
    for protocol in VIDEO_PROTOCOL_NAMES:
        assert only_report(folders, protocol).result.object_ids == [1]


def test_void_is_a_matter_of_the_truth_alone(tmp_path):
    """A predicted 255 is an id like any other: no object of the video, and said so."""
    guess = square()
    guess[20:25] = 255
    folders = write_pair(tmp_path, {"a": [(square(), guess)] * 3})
    result = only_report(folders, void_id=255).result
    assert result.object_ids == [1]
    assert result.extra_ids == {255: 1}


def test_every_bad_mask_is_listed(tmp_path):
    wrong_size = (square(), square(size=(30, 39)))
    folders = write_pair(
        tmp_path, {"a": [RIGHT, wrong_size, RIGHT, wrong_size, RIGHT, RIGHT, RIGHT]}
    )
    gt, pred = folders
    (pred / "a" / "00002.png").write_bytes(b"no png")
    cut = gt / "a" / "00004.png"
    cut.write_bytes(cut.read_bytes()[:60])
    report = only_report(folders)
    assert report.result is None
    assert report.problems[0].startswith(f"{pred / 'a' / '00002.png'}: ")
    assert report.problems[1].startswith(f"{cut}: ")
    assert report.problems[2:] == [
        f"{pred / 'a'}: 2 masks differ in size from their truth (00001 30x39 for 30x40, 00003 "
        "30x39 for 30x40); resize ids to the truth's size with nearest neighbour"
    ]


def test_a_video_with_missing_frames_has_no_result_but_its_other_problems(tmp_path):
    extra = (square(1), square(9))
    folders = write_pair(tmp_path, {"a": [RIGHT, (square(), None), extra, RIGHT]})
    report = only_report(folders, "davis2017")
    assert report.result is None
    assert len(report.problems) == 1
    assert "(9 in 1 frames), objects are 1;" in report.problems[0]


@pytest.mark.parametrize("protocol", ["mose", "mosev2"])
def test_extra_ids_are_counted_where_the_protocol_allows_them(tmp_path, protocol):
    prediction = square(1) + square(9, column=20)
    folders = write_pair(tmp_path, {"a": [RIGHT, (square(), prediction), RIGHT, RIGHT]})
    report = only_report(folders, protocol)
    assert report.problems == []
    assert report.result.extra_ids == {9: 1}
    assert report.result.j.tolist() == [[1.0, 1.0]]


def test_davis_refuses_a_gap_id_that_no_frame_shows(tmp_path):
    truth = square(1) + square(3, column=20)
    prediction = truth.copy()
    prediction[20:25, :5] = 2
    folders = write_pair(tmp_path, {"a": [(truth, prediction)] * 4})
    assert "(2 in 2 frames), objects are 1, 3;" in only_report(folders, "davis2017").problems[0]


@pytest.mark.parametrize(
    ("protocol", "refuses"), [("davis2017", True), ("mose", True), ("mosev2", False)]
)
def test_a_first_frame_without_objects(tmp_path, protocol, refuses):
    empty = np.zeros((30, 40), np.uint8)
    folders = write_pair(tmp_path, {"a": [(empty, empty), (square(), empty), RIGHT, RIGHT]})
    report = only_report(folders, protocol)
    assert (report.result is None) == refuses
    if refuses:
        start = f"{folders[0] / 'a' / '00000.png'}: shows no object, so"
        assert report.problems[0].startswith(start)
    else:
        assert report.result.j.tolist() == [[1 / 101, 1.0]]


def test_scoring_imports_no_torch():
    code = "import sys, pvuw.metrics.scoring, pvuw.metrics.report; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "False"


def test_one_video_can_be_scored_by_itself(tmp_path):
    pairs = pair_trees(*write_pair(tmp_path, {"a": [RIGHT] * 3}), "mose").pairs
    assert score_pair(pairs[0], "mosev2").result.f_adaptive.tolist() == [[1.0]]
