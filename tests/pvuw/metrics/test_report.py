import csv
import json
import math

import numpy as np
import pytest

from pvuw.metrics.accumulate import VideoScore
from pvuw.metrics.report import (
    ObjectRow,
    frame_csv,
    object_csv,
    object_rows,
    summarise,
    summary_lines,
    video_table,
)
from tests.helpers.noise import DOUBLE_SUMMATION
from tests.pvuw.metrics.test_functional import FROZEN
from tests.pvuw.metrics.videos import square

EMPTY = np.zeros_like(square())


def leaving_object(protocol):
    """Shown, hidden twice, shown again; the prediction only ever sees it leave."""
    score = VideoScore(None, protocol)
    for truth, prediction in [
        (square(), square()),
        (square(), square()),
        (EMPTY, EMPTY),
        (EMPTY, square()),
        (square(), EMPTY),
        (square(), square()),
    ]:
        score.add(truth, prediction)
    return score.result()


def test_object_rows_hold_means_over_frames():
    (row,) = object_rows("a", leaving_object("davis2017"))
    assert (row.video_id, row.object_id, row.num_frames) == ("a", 1, 4)
    assert (row.j, row.f, row.jf) == (0.5, 0.5, 0.5)
    assert all(math.isnan(x) for x in (row.f_adaptive, row.j_hidden, row.j_return, row.f_return))


def test_mosev2_rows_hold_the_clips():
    (row,) = object_rows("a", leaving_object("mosev2"))
    assert row.j_hidden == pytest.approx((1 + 1 / 101) / 2)
    assert row.f_hidden == 0.5
    assert row.j_return == pytest.approx(1 / 101)
    assert row.f_return == 0.0


def test_summary_equals_the_official_scorer():
    def number(text):
        return float(text) if text else math.nan

    with (FROZEN / "mosev2_objects.csv").open() as file:
        names = ("J", "F", "Fdot", "J_d", "Fdot_d", "J_r", "Fdot_r")
        rows = [
            ObjectRow(row["sequence"], int(row["object"]), 1, *(number(row[n]) for n in names))
            for row in csv.DictReader(file)
        ]
    expected = json.loads((FROZEN / "mosev2_global.json").read_text())
    summary = summarise(rows)
    assert {
        "J": summary.j,
        "F": summary.f,
        "Fdot": summary.f_adaptive,
        "J&F": summary.jf,
        "J&Fdot": summary.jf_adaptive,
        "J&Fdot_d": summary.jf_hidden,
        "J&Fdot_r": summary.jf_return,
    } == pytest.approx(
        {k: v for k, v in expected.items() if not k.startswith("n_")}, abs=DOUBLE_SUMMATION
    )


def test_summary_counts_objects_not_videos():
    rows = [ObjectRow("a", i, 3, 0.0, 0.0) for i in (1, 2, 3)] + [ObjectRow("b", 1, 3, 1.0, 1.0)]
    assert summarise(rows).jf == 0.25


def test_nothing_has_no_mean():
    with pytest.raises(ValueError, match="no object"):
        summarise([])


def test_last_line_has_six_decimals():
    rows = [ObjectRow("a", 1, 3, 1 / 3, 2 / 3, 0.5)]
    assert summary_lines(summarise(rows), adaptive=False) == "J&F 0.500000 J 0.333333 F 0.666667"
    first, last = summary_lines(summarise(rows), adaptive=True).splitlines()
    assert first == "J&Fdot 0.416667 Fdot 0.500000 J&Fdot_d none J&Fdot_r none"
    assert last == "J&F 0.500000 J 0.333333 F 0.666667"


def test_table_shows_the_worst_twenty():
    rows = [ObjectRow(f"video{i:02d}", 1, 7, i / 100, i / 100) for i in reversed(range(23))]
    lines = video_table(rows, adaptive=False).splitlines()
    assert lines[0].split() == ["video", "objects", "frames", "J&F", "J", "F"]
    assert [line.split()[0] for line in lines[1:-1]] == [f"video{i:02d}" for i in range(20)]
    assert lines[1].split() == ["video00", "1", "7", "0.0000", "0.0000", "0.0000"]
    assert lines[-1] == "… 3 more"


def test_table_ranks_mosev2_by_its_own_measure():
    rows = [ObjectRow("a", 1, 7, 0.5, 0.1, 0.9), ObjectRow("b", 1, 7, 0.5, 0.9, 0.1)]
    assert [line.split()[0] for line in video_table(rows, adaptive=True).splitlines()[1:]] == [
        "b",
        "a",
    ]
    assert video_table(rows, adaptive=False).splitlines()[1].startswith("a")


def test_object_csv_keeps_full_precision():
    text = object_csv([ObjectRow("a", 3, 7, 1 / 3, 0.1)], adaptive=False)
    assert text == f"video,object,frames,j,f,jf\na,3,7,{1 / 3!r},0.1,{(1 / 3 + 0.1) / 2!r}\n"


def test_object_csv_leaves_unknown_cells_empty():
    rows = [*object_rows("a", leaving_object("mosev2")), ObjectRow("b", 1, 7, 0.5, 0.5, 0.25)]
    lines = list(csv.DictReader(object_csv(rows, adaptive=True).splitlines()))
    assert float(lines[0]["fdot_d"]) == 0.5
    assert lines[1]["fdot"] == "0.25"
    assert [lines[1][name] for name in ("j_d", "fdot_d", "j_r", "fdot_r")] == [""] * 4


def test_frame_csv_has_a_line_per_object_and_frame():
    result = leaving_object("mosev2")
    names = ["00001", "00002", "00003", "00004"]
    lines = list(csv.DictReader(frame_csv([("a", names, result)], adaptive=True).splitlines()))
    assert [line["frame"] for line in lines] == names
    assert [line["visible"] for line in lines] == ["1", "0", "0", "1"]
    assert [float(line["fdot"]) for line in lines] == [1.0, 1.0, 0.0, 0.0]
    assert "fdot" not in frame_csv([("a", names, result)], adaptive=False)
