import csv
import json
import shutil
import tracemalloc
import zipfile

import numpy as np
import pytest
from PIL import Image

from pvuw.cli import main
from pvuw.commands.evaluate_sentences import pair_sentences
from pvuw.io.masks import write_id_map
from pvuw.io.rle import encode
from pvuw.metrics.scoring import score_pair
from tests.helpers import golden
from tests.helpers.noise import DOUBLE_SUMMATION, printed

GOLDEN = sorted(
    path.parent.resolve()
    for root in (golden.OWN, golden.outside())
    for path in root.rglob("predictions.zip")
    if (path.parent / "expected.json").is_file()
)
SIZE = (20, 30)


def block(*columns):
    mask = np.zeros(SIZE, dtype=bool)
    for column in columns:
        mask[5:15, column : column + 5] = True
    return mask


def runs(mask):
    found = encode(mask)
    return {"size": list(SIZE), "counts": found["counts"].decode()}


def write_truth(root, sentences, tracks):
    """Write a split as MeViS publishes it: annotations of each sentence, masks of each."""
    root.mkdir(parents=True)
    frames = [f"{t:05d}" for t in range(len(next(iter(tracks.values()))))]
    said = {e: {"exp": "it", "anno_id": ids, "obj_id": ids} for e, ids in sentences.items()}
    next(iter(said.values()))["kind"] = "looks"  # as a generated sample has it
    listed = {"videos": {"v": {"vid_id": 0, "frames": frames, "expressions": said}}}
    (root / "meta_expressions.json").write_text(json.dumps(listed))
    masks = {str(i): [None if m is None else runs(m) for m in ms] for i, ms in tracks.items()}
    (root / "mask_dict.json").write_text(json.dumps(masks))


def predict(root, expression, masks):
    for t, mask in enumerate(masks):
        path = root / "v" / expression / f"{t:05d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(mask.astype(np.uint8) * 255).save(path)  # as the server takes them


def evaluate(gt, pred, *more):
    words = ["--gt", gt, "--pred", pred, "--protocol", "mevis", "--workers", 1, *more]
    return main(["evaluate", *map(str, words)])


def scores(path):
    with path.open() as file:
        rows = list(csv.DictReader(file))
    return {f"{r['video']}/{r['expression']}": (float(r["j"]), float(r["f"])) for r in rows}


@pytest.fixture
def truth(tmp_path):
    tracks = {3: [block(2), block(2), None], 8: [block(20), None, None]}
    write_truth(tmp_path / "gt", {"0": [3], "1": [3, 8], "2": []}, tracks)
    return tmp_path / "gt"


def test_a_sentence_means_the_union_of_its_objects_in_all_frames(truth, tmp_path, capsys):
    predict(tmp_path / "pred", "0", [block(2), block(), block()])
    predict(tmp_path / "pred", "1", [block(2, 20), block(2), block(9)])
    predict(tmp_path / "pred", "2", [block(), block(), block(2)])
    assert evaluate(truth, tmp_path / "pred", "--csv", tmp_path / "out.csv") == 0
    assert scores(tmp_path / "out.csv") == {
        "v/0": (pytest.approx(2 / 3), pytest.approx(2 / 3)),
        "v/1": (pytest.approx(2 / 3), pytest.approx(2 / 3)),
        "v/2": (pytest.approx(2 / 3), pytest.approx(2 / 3)),
    }
    assert "mevis: 3 expressions, 3 objects, 9 object frames" in capsys.readouterr().out


def test_the_truth_may_be_a_tree_of_masks_with_any_ids(truth, tmp_path):
    for t, mask in enumerate((block(2), block(9))):
        write_id_map(tmp_path / "tree" / "v" / "0" / f"{t:05d}.png", mask.astype(np.uint8) * 7)
    predict(tmp_path / "pred", "0", [block(2), block(2)])
    assert evaluate(tmp_path / "tree", tmp_path / "pred", "--csv", tmp_path / "out.csv") == 0
    (row,) = csv.DictReader((tmp_path / "out.csv").open())
    assert (row["video"], float(row["j"]), float(row["f"])) == ("v/0", 0.5, 0.5)


def test_what_is_missing_is_an_error_or_zero(truth, tmp_path, capsys):
    for expression in ("0", "1"):
        predict(tmp_path / "pred", expression, [block(2), block(2), block()])
    assert evaluate(truth, tmp_path / "pred") == 2
    assert "v/2: no such folder; predict this expression too" in capsys.readouterr().err
    out = ("--missing", "zero", "--csv", tmp_path / "out.csv")
    assert evaluate(truth, tmp_path / "pred", *out) == 0
    assert scores(tmp_path / "out.csv")["v/2"] == (0, 0)  # though empty masks would be right
    assert scores(tmp_path / "out.csv")["v/0"] == (1, 1)


def test_a_missing_frame_is_an_error(truth, tmp_path, capsys):
    for expression in ("0", "1", "2"):
        predict(tmp_path / "pred", expression, [block(2)] * 2)
    assert evaluate(truth, tmp_path / "pred", "--missing", "zero") == 2
    assert "1 of 3 scored frames have no mask PNG (00002)" in capsys.readouterr().err


def test_trees_of_the_other_kind_are_refused(truth, tmp_path, capsys):
    for video in ("v", "w"):
        write_id_map(tmp_path / "videos" / video / "00000.png", np.zeros(SIZE, np.uint8))
    assert evaluate(truth, tmp_path / "videos") == 2
    assert "but <video>/<expression>/<frame>.png is expected" in capsys.readouterr().err


@pytest.mark.parametrize("folder", GOLDEN, ids=lambda path: path.name)
def test_scores_are_those_of_the_official_evaluator(folder, tmp_path, capsys):
    with zipfile.ZipFile(folder / "predictions.zip") as archive:
        archive.extractall(tmp_path / "pred")
    out = tmp_path / "out.csv"
    assert evaluate(folder / "gt", tmp_path / "pred", "--missing", "zero", "--csv", out) == 0
    expected = json.loads((folder / "expected.json").read_text())
    official = {
        f"{video}/{expression}": (values["J"], values["F"])
        for video, found in expected["per_expression"].items()
        for expression, values in found.items()
    }
    ours = scores(out)
    assert ours.keys() == official.keys()
    for query, values in official.items():
        assert ours[query] == pytest.approx(values, abs=DOUBLE_SUMMATION)
    j, f = np.mean(list(official.values()), axis=0)
    if "J" in expected:  # else a part, whose means nobody printed
        assert (j, f) == pytest.approx((expected["J"], expected["F"]), abs=DOUBLE_SUMMATION)
    last = capsys.readouterr().out.splitlines()[-1].split()
    told = [float(x) for x in last[1::2]]
    assert told == pytest.approx([(j + f) / 2, j, f], abs=printed(6))


def results_of(pred, expressions, frames, **more):
    """The masks of a tree as one JSON file of runs."""
    answers = {}
    for e in expressions:
        masks = [np.array(Image.open(pred / "v" / e / f"{t:05d}.png")) > 0 for t in range(frames)]
        answers[e] = {
            "exp": "it",
            "prediction_masks": [runs(m) if m.any() else None for m in masks],
        }
    (pred.parent / "results.json").write_text(json.dumps({"v": {**answers, **more}}))
    return pred.parent / "results.json"


@pytest.fixture
def answered(truth, tmp_path):
    predict(tmp_path / "pred", "0", [block(2), block(), block()])
    predict(tmp_path / "pred", "1", [block(2, 20), block(2), block(9)])
    predict(tmp_path / "pred", "2", [block(), block(), block(2)])
    return tmp_path / "pred"


def test_runs_in_one_file_score_as_the_pictures_do(truth, answered, tmp_path, capsys):
    assert evaluate(truth, answered, "--csv", tmp_path / "a.csv") == 0
    file = results_of(answered, "012", 3)
    assert evaluate(truth, file, "--csv", tmp_path / "b.csv", "--workers", 2) == 0
    assert (tmp_path / "a.csv").read_text() == (tmp_path / "b.csv").read_text()
    capsys.readouterr()
    for content, line in (
        ({"v": {"0": 3}}, "v/0: must be a list with runs or null"),
        ({"v": {"0": [None] * 3, "1": [None] * 2, "2": [None] * 3}}, "1 of 3 scored frames have"),
        ({"v": {"0": [None] * 3}}, "v/1: no such folder; predict this expression too"),
        ({"v": dict.fromkeys("012", [{"size": [30, 20], "counts": "l7o0"}] * 3)}, "damaged mask"),
    ):
        file.write_text(json.dumps(content))
        assert evaluate(truth, file) == 2
        assert line in capsys.readouterr().err
    shown = encode(block(2).T.copy())
    turned = {"size": list(SIZE[::-1]), "counts": shown["counts"].decode()}
    file.write_text(json.dumps({"v": dict.fromkeys("012", [turned] * 3)}))
    assert evaluate(truth, file) == 2
    assert "differ in size from their truth (00000 30x20 for 20x30" in capsys.readouterr().err


def test_no_target_measures_and_kinds_of_sentences(truth, answered, tmp_path, capsys):
    assert evaluate(truth, answered, "--csv", tmp_path / "out.csv") == 0
    lines = capsys.readouterr().out.splitlines()
    # The one sentence without a target is answered with something, the other two are answered.
    assert lines[-2] == f"N-acc 0.000000 T-acc 1.000000 Final {(2 / 3 + 0 + 1) / 3:.6f}"
    rows = [line for line in lines if "target" in line or "up to" in line]
    table = {line[:17].strip(): line.split()[-4:] for line in rows}
    assert table == {
        name: [number, "0.6667", "0.6667", "0.6667"]
        for name, number in (
            ("no target", "1"),
            ("one target", "1"),
            ("several targets", "1"),
            ("up to 6 words", "3"),
        )
    }
    assert [line.split()[-4:] for line in lines if line.startswith("kind: looks ")] == [
        ["1", "0.6667", "0.6667", "0.6667"]
    ]
    rows = list(csv.DictReader((tmp_path / "out.csv").open()))
    assert [(row["targets"], row["answered"], row["sentence"]) for row in rows] == [
        ("1", "1", "it"),
        ("2", "1", "it"),
        ("0", "1", "it"),
    ]
    assert rows[0]["kinds"] == "one target; up to 6 words; no motion words; kind: looks"
    predict(answered, "2", [block(), block(), block()])
    assert evaluate(truth, answered) == 0
    assert "N-acc 1.000000 T-acc 1.000000" in capsys.readouterr().out
    shutil.rmtree(answered / "v" / "2")
    assert evaluate(truth, answered, "--missing", "zero") == 0
    assert "N-acc 0.000000 T-acc 1.000000" in capsys.readouterr().out


def test_memory_does_not_grow_with_the_length_of_a_video(tmp_path):
    peaks = {}
    for num_frames in (6, 60):
        gt, pred = tmp_path / f"gt{num_frames}", tmp_path / f"pred{num_frames}"
        large = np.kron(block(2), np.ones((20, 20), dtype=bool))
        runs_of_all = [{"size": list(large.shape), "counts": encode(large)["counts"].decode()}]
        write_truth(gt, {"0": [3]}, {3: [block(2)] * num_frames})
        (gt / "mask_dict.json").write_text(json.dumps({"3": runs_of_all * num_frames}))
        predict(pred, "0", [large] * num_frames)
        (pair,) = pair_sentences(gt, pred, "mevis").found.pairs
        tracemalloc.start()
        assert score_pair(pair, "mevis").result.object_j.tolist() == [1]
        peaks[num_frames] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peaks[60] < peaks[6] + 54 * large.size / 20  # a twentieth of the frames that came more
