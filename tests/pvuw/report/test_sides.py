import numpy as np
import pytest

from pvuw.errors import DataError
from pvuw.io.masks import write_id_map
from pvuw.metrics.pairs import pair_trees
from pvuw.metrics.scoring import score_pair
from pvuw.report.sides import MaskSource, absences, measure_sides
from tests.pvuw.io.make import square
from tests.pvuw.report.make import FRAMES, SIZE, queries, settings, truth_of, write_folders


@pytest.fixture
def root(tmp_path):
    return write_folders(tmp_path)


def measure(root, video_id, protocol="mose", **options):
    chosen = settings(root, **options)
    return measure_sides(queries(root)[video_id], chosen.sides, chosen.truth, protocol)


@pytest.mark.parametrize("protocol", ["mose", "mosev2", "davis2017"])
def test_scores_are_those_of_evaluate(root, protocol):
    pairs = pair_trees(root / "gt", root / "runs/new/Annotations", "mose").pairs
    for pair in pairs:
        reference = score_pair(pair, protocol).result
        scores = measure(root, pair.query_id, protocol).sides[0].scores
        np.testing.assert_array_equal(scores.j, reference.j)
        np.testing.assert_array_equal(scores.f, reference.f)
        np.testing.assert_array_equal(scores.f_adaptive, reference.f_adaptive)


def test_areas_and_curves_cover_every_frame(root):
    facts = measure(root, "bad")
    assert facts.object_ids == [1, 3]
    side = facts.sides[0]
    expected = [float((truth_of(t) == 3).sum()) for t in range(FRAMES)]
    assert facts.truth.area_of(3).tolist() == expected
    assert side.area_of(1)[0] == 256
    curve = side.curve(side.scores.j, 1)
    assert np.isnan(curve[[0, -1]]).all()
    assert curve[1:4].tolist() == [1, 1, 1]
    assert curve[4:-1].tolist() == [0, 0, 0]
    assert absences(facts.truth.area_of(3)) == 1


def test_missing_and_unusable_masks_are_problems_and_end_scoring(root):
    folder = root / "runs/new/Annotations/good"
    (folder / "00002.png").unlink()
    (folder / "00003.png").write_bytes(b"")
    write_id_map(folder / "00004.png", square(1))
    facts = measure(root, "good")
    side = facts.sides[0]
    assert [side.areas[i] for i in (2, 3, 4)] == [None, None, None]
    assert np.isnan(side.area_of(1)[2:5]).all()
    assert side.scores is None
    assert facts.sides[1].scores is not None
    missing, size, empty = facts.problems
    assert missing.startswith(f"{folder}: 1 of 8 frames have no mask (00002)")
    assert empty.startswith(f"{folder / '00003.png'}: ")
    assert size.startswith(f"{folder}: 1 masks differ in size")
    assert "(00004 32x24 for 64x48)" in size


def test_without_truth_two_predictions_are_compared(root):
    facts = measure(root, "bad", truth=False)
    assert facts.truth is None
    assert facts.sides[0].scores.object_j[0] == 0.5
    assert facts.sides[1].scores is None
    assert measure(root, "bad", truth=False, sides=("new",)).sides[0].scores is None


def test_truth_of_the_first_frame_alone_scores_nothing(root):
    for frame in range(1, FRAMES):
        (root / f"gt/good/{frame:05d}.png").unlink()
    facts = measure(root, "good")
    assert facts.problems == []
    assert facts.sides[0].scores is None


def test_void_of_the_truth_is_background(root):
    void = square(255, 0, 0, 4, size_hw=SIZE)
    write_id_map(root / "gt/good/00002.png", truth_of(2) + void)
    chosen = settings(root)
    truth = MaskSource("truth", root / "gt", void_id=255, may_be_sparse=True)
    facts = measure_sides(queries(root)["good"], chosen.sides, truth, "davis2017")
    assert facts.object_ids == [1, 3]
    assert facts.sides[0].scores.object_j.tolist() == [1, 1]


def test_ids_that_are_no_object_are_noted(root):
    extra = square(9, 0, 0, 4, size_hw=SIZE)
    write_id_map(root / "runs/new/Annotations/good/00002.png", truth_of(2) + extra)
    facts = measure(root, "good")
    assert facts.notes == ["new: predicted ids that are no scored object: 9"]
    assert facts.object_ids == [1, 3, 9]


def test_broken_truth_is_a_problem(root):
    (root / "gt/good/00002.png").write_bytes(b"")
    (line,) = measure(root, "good").problems
    assert line.startswith(f"{root / 'gt/good/00002.png'}: ")


def test_broken_video_raises(root):
    for image in (root / "JPEGImages/good").iterdir():
        image.write_bytes(b"")
    with pytest.raises(DataError, match="empty file"):
        measure(root, "good")
