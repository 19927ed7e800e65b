import csv
import json
import subprocess
import sys

import numpy as np
import pytest

from pvuw.cli import main
from tests.helpers.noise import DOUBLE_SUMMATION, printed
from tests.pvuw.metrics.test_functional import FROZEN, SHARED, reference_rows
from tests.pvuw.metrics.videos import square, write_pair, write_video

RIGHT = (square(), square())
WRONG = (square(), square(column=20))
needs_shared = pytest.mark.skipif(not SHARED.exists(), reason="needs the shared sample data")


def run(gt, pred, protocol="mose", *options):
    arguments = ["--gt", gt, "--pred", pred, "--protocol", protocol, "--workers", 1, *options]
    return main(["evaluate", *map(str, arguments)])


def read_csv(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_prints_scores_and_writes_tables(tmp_path, capsys):
    gt, pred = write_pair(
        tmp_path, {"good": [RIGHT] * 4, "bad": [RIGHT, RIGHT, WRONG, WRONG, RIGHT, WRONG]}
    )
    objects, frames = tmp_path / "out" / "objects.csv", tmp_path / "out" / "frames.csv"
    assert run(gt, pred, "mose", "--csv", objects, "--frames-csv", frames) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "mose: 2 videos, 2 objects, 6 object frames; worst videos first"
    assert [line.split()[0] for line in lines[2:4]] == ["bad", "good"]
    assert lines[-1] == "J&F 0.750000 J 0.750000 F 0.750000"
    assert [(row["video"], row["jf"]) for row in read_csv(objects)] == [
        ("bad", "0.5"),
        ("good", "1.0"),
    ]
    assert [row["j"] for row in read_csv(frames)] == ["1.0", "0.0", "0.0", "1.0", "1.0", "1.0"]
    assert sorted(file.name for file in objects.parent.iterdir()) == ["frames.csv", "objects.csv"]


def test_lists_every_problem_and_scores_nothing(tmp_path, capsys):
    wrong_size = (square(), square(size=(30, 39)))
    extra_id = (square(), square(9))
    gt, pred = write_pair(
        tmp_path,
        {
            "gaps": [RIGHT, (square(), None), RIGHT],
            "sizes": [RIGHT, wrong_size, RIGHT],
            "ids": [RIGHT, extra_id, RIGHT],
            "short": [RIGHT],
            "fine": [RIGHT] * 3,
        },
    )
    write_video(gt, "absent", [square()] * 3)
    table = tmp_path / "scores.csv"
    assert run(gt, pred, "davis2017", "--csv", table) == 2
    output = capsys.readouterr()
    assert output.out == ""
    lines = output.err.splitlines()
    starts = [pred / "absent", pred / "gaps", gt / "short", pred / "ids", pred / "sizes"]
    for line, start in zip(lines, starts, strict=False):
        assert line.startswith(f"pvuw: error: {start}: ")
    assert lines[len(starts) :] == ["pvuw: 5 problems, so nothing was scored"]
    assert not table.exists()


def test_notes_say_what_was_left_out(tmp_path, capsys):
    late = square() + square(4, column=25)
    frames = [RIGHT, (late, square() + square(7, column=25)), (late, late), RIGHT]
    gt, pred = write_pair(tmp_path, {"a": frames})
    assert run(gt, pred) == 0
    notes = [line for line in capsys.readouterr().out.splitlines() if line.startswith("note: ")]
    assert notes == [
        "note: predicted ids that are no object are ignored (a: 4 in 1 frames, a: 7 in 1 frames)",
        "note: true ids that the protocol does not score (a: 4)",
    ]


def test_wrapped_folder_is_said(tmp_path, capsys):
    gt, pred = write_pair(tmp_path, {"a": [RIGHT] * 3})
    (tmp_path / "run").mkdir()
    pred.rename(tmp_path / "run" / "Annotations")
    assert run(gt, tmp_path / "run") == 0
    assert capsys.readouterr().out.startswith(f"note: {tmp_path / 'run'}: masks found in ")


def test_a_missing_folder_is_one_line(tmp_path, capsys):
    assert run(tmp_path / "gt", tmp_path) == 2
    assert capsys.readouterr().err == (
        f"pvuw: error: {tmp_path / 'gt'}: no such folder; give a folder with <video>/<frame>.png\n"
    )


@pytest.mark.parametrize(
    ("protocol", "options", "objects"),
    [
        ("davis2017", [], 1),
        ("davis2017", ["--void-id", "none"], 2),
        ("mose", [], 1),
        ("mose", ["--void-id", "none"], 2),
        ("mosev2", ["--void-id", "255"], 1),
    ],
)
def test_void(tmp_path, capsys, protocol, options, objects):
    truth = square()
    truth[25:] = 255
    gt, pred = write_pair(tmp_path, {"a": [(truth, square())] * 3})
    assert run(gt, pred, protocol, *options) == 0
    assert f"1 videos, {objects} objects" in capsys.readouterr().out


@pytest.mark.parametrize(
    "options", [["--workers", "0"], ["--void-id", "256"], ["--void-id", "x"], ["--protocol", "x"]]
)
def test_bad_options_are_refused(tmp_path, capsys, options):
    assert run(tmp_path, tmp_path, "mose", *options) == 2
    assert options[0] in capsys.readouterr().err


def test_help_needs_no_heavy_import():
    code = (
        "import sys; from pvuw.cli import main\n"
        "try: main(['evaluate', '--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'numpy', 'cv2', 'lightning'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "pvuw evaluate --gt data/valid/GroundTruth" in done.stdout


@pytest.mark.parametrize(("protocol", "measures"), [("davis2017", 2), ("mosev2", 3)])
def test_frozen_frames_come_out_exactly(tmp_path, protocol, measures):
    table = tmp_path / "frames.csv"
    assert run(FROZEN / "gt", FROZEN / "pred", protocol, "--frames-csv", table) == 0
    columns = {"J": "j", "F": "f", "Fdot": "fdot"}
    expected = {
        (row["sequence"], row["object"], row["frame"]): row
        for row in reference_rows(FROZEN, protocol, "frames")
    }
    rows = read_csv(table)
    assert {(row["video"], row["object"], row["frame"]) for row in rows} == set(expected)
    for row in rows:
        reference = expected[row["video"], row["object"], row["frame"]]
        compared = [name for name in columns if name in reference]
        assert len(compared) == measures
        for name in compared:
            assert float(row[columns[name]]) == float(reference[name])


@needs_shared
def test_all_davis_references(tmp_path, capsys):
    table = tmp_path / "objects.csv"
    assert run(SHARED / "gt", SHARED / "pred", "davis2017", "--csv", table) == 0
    rows = read_csv(table)
    reference = reference_rows(SHARED, "davis2017", "official_per_object")
    assert len(rows) == len(reference)
    for row, official in zip(rows, reference, strict=True):
        assert (row["video"], row["object"]) == (official["sequence"], official["object"])
        assert float(row["j"]) == pytest.approx(float(official["J_mean"]), abs=DOUBLE_SUMMATION)
        assert float(row["f"]) == pytest.approx(float(official["F_mean"]), abs=DOUBLE_SUMMATION)
    overall = json.loads((SHARED / "davis2017_official_global.json").read_text())
    for name, column in (("J-Mean", "j"), ("F-Mean", "f"), ("J&F-Mean", "jf")):
        mean = np.mean([float(row[column]) for row in rows])
        assert mean == pytest.approx(overall[name], abs=DOUBLE_SUMMATION)
    words = capsys.readouterr().out.splitlines()[-1].split()
    assert float(words[1]) == pytest.approx(overall["J&F-Mean"], abs=printed(6))


@needs_shared
def test_all_mosev2_references(tmp_path, capsys):
    table = tmp_path / "objects.csv"
    assert run(SHARED / "gt", SHARED / "pred", "mosev2", "--csv", table) == 0
    rows = read_csv(table)
    reference = reference_rows(SHARED, "mosev2", "official_per_object")
    assert len(rows) == len(reference)
    for row, official in zip(rows, reference, strict=True):
        assert (row["video"], row["object"]) == (official["sequence"], official["object"])
        for name, value in official.items():
            if name in ("sequence", "object"):
                continue
            if value:
                assert float(row[name.lower()]) == pytest.approx(float(value), abs=DOUBLE_SUMMATION)
            else:
                assert row[name.lower()] == ""
    overall = json.loads((SHARED / "mosev2_official_global.json").read_text())
    words = capsys.readouterr().out.split()
    for name in ("J&Fdot", "Fdot", "J&Fdot_d", "J&Fdot_r", "J&F", "J", "F"):
        last = len(words) - 1 - words[::-1].index(name)
        assert float(words[last + 1]) == pytest.approx(overall[name], abs=printed(6))
