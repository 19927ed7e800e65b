import csv
import json
from itertools import permutations

import numpy as np
import pytest
from PIL import Image

from pvuw.cli import main
from pvuw.metrics.ref_davis import merged
from tests.helpers.noise import DOUBLE_SUMMATION, printed
from tests.pvuw.metrics.naive import davis
from tests.pvuw.sources.layouts import write_video

SIZE = (40, 60)
FRAMES = 3


def square(top, left, side=10):
    mask = np.zeros(SIZE, bool)
    mask[top : top + side, left : left + side] = True
    return mask


def truth_of(t):
    ids = np.zeros(SIZE, np.uint8)
    for value, (top, left) in enumerate(((4, 5), (20, 10), (22, 40)), start=1):
        if not (value == 3 and t == 2):
            ids[square(top, left + 3 * t)] = value
    return ids


def answer_of(k, annotator, t):
    """The answer to the sentence of annotator about object `k` (0, 1, 2)."""
    if annotator == 1:  # takes the first object for the second and the reverse
        k = (1, 0, 2)[k]
    mask = truth_of(t) == k + 1
    if annotator == 2:  # overlapping answers: the earlier is on top
        mask = mask | (truth_of(t) == 2)
    if annotator == 3:
        mask = np.roll(mask, 2, axis=1)
    return mask


@pytest.fixture
def root(tmp_path):
    base = tmp_path / "davis" / "valid"
    frames = {f"{t:05d}": truth_of(t) for t in range(FRAMES)}
    write_video(base / "JPEGImages", base / "Annotations", "swing", frames)
    expressions = {}
    for k in range(3):
        for annotator in range(4):
            e = 4 * k + annotator
            expressions[str(e)] = {"exp": f"say {e}", "obj_id": str(k + 1)}
            for t in range(FRAMES):
                path = tmp_path / "pred" / "swing" / str(e) / f"{t:05d}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(255 * answer_of(k, annotator, t).astype(np.uint8)).save(path)
    file = tmp_path / "davis" / "meta_expressions" / "valid" / "meta_expressions.json"
    file.parent.mkdir(parents=True)
    videos = {"swing": {"frames": list(frames), "expressions": expressions}}
    file.write_text(json.dumps({"videos": videos}))
    return tmp_path


def evaluate(root, *more, protocol="ref_davis"):
    words = ["evaluate", "--gt", root / "davis" / "valid", "--pred", root / "pred"]
    words += ["--protocol", protocol, "--workers", 1, *more]
    return main(list(map(str, words)))


def naive(annotator):
    """Mean J and F of the best assignment, every one tried."""
    best = (-1.0, 0.0, 0.0)
    ids = [np.zeros(SIZE, np.uint8) for _ in range(FRAMES)]
    for t in range(FRAMES):
        for k in (2, 1, 0):
            ids[t][answer_of(k, annotator, t)] = k + 1
    for order in permutations(range(3)):
        scores = [
            davis(truth_of(t) == g + 1, ids[t] == p + 1)
            for g, p in enumerate(order)
            for t in range(FRAMES)
        ]
        j, f = np.mean(scores, axis=0)
        best = max(best, ((j + f) / 2, j, f))
    return best[1:]


def test_four_annotators_are_merged_assigned_and_averaged(root, capsys):
    assert evaluate(root, "--csv", root / "out.csv") == 0
    with (root / "out.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["video"] for row in rows[::3]] == [f"swing/annotator {k}" for k in range(4)]
    expected = [naive(annotator) for annotator in range(4)]
    for annotator in range(4):
        own = [(float(r["j"]), float(r["f"])) for r in rows[3 * annotator : 3 * annotator + 3]]
        assert np.mean(own, axis=0) == pytest.approx(expected[annotator], abs=DOUBLE_SUMMATION)
    assert expected[0] == expected[1] == (1, 1)
    assert expected[2][0] < 1 > expected[3][0]
    j, f = np.mean(expected, axis=0)
    last = capsys.readouterr().out.splitlines()[-1].split()
    assert [float(x) for x in last[1::2]] == pytest.approx([(j + f) / 2, j, f], abs=printed(6))


def test_what_is_missing_is_listed(root, capsys):
    (root / "pred" / "swing" / "5" / "00001.png").unlink()
    for file in (root / "pred" / "swing" / "7").iterdir():
        file.unlink()
    assert evaluate(root) == 2
    err = capsys.readouterr().err
    assert "swing/5: 1 of 3 scored frames have no mask (00001)" in err
    assert "swing/7: no such folder; predict this expression too" in err
    path = root / "davis" / "meta_expressions" / "valid" / "meta_expressions.json"
    content = json.loads(path.read_text())
    del content["videos"]["swing"]["expressions"]["11"]
    path.write_text(json.dumps(content))
    assert evaluate(root) == 2
    assert (
        "video 'swing' has 11 sentences, which is not 4 for each object" in capsys.readouterr().err
    )


def test_each_sentence_alone_is_scored_as_ref_youtube_vos(root, capsys):
    assert evaluate(root, "--csv", root / "out.csv", protocol="ref_youtube_vos") == 0
    with (root / "out.csv").open() as file:
        rows = {row["expression"]: float(row["j"]) for row in csv.DictReader(file)}
    assert rows["0"] == rows["4"] == rows["8"] == 1
    assert rows["1"] == rows["5"] == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("J&F ")


def test_of_equal_answers_the_earlier_is_on_top():
    both = np.array([[True, True, False]])
    assert merged([None, both, ~both | both], (1, 3)).tolist() == [[2, 2, 3]]
    assert merged([None, None], (1, 2)).tolist() == [[0, 0]]
