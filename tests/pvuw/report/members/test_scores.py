import pytest

from pvuw.report.members.facts import measure_members
from pvuw.report.members.scores import score_members, score_table, tell_scores
from pvuw.report.sides import measure_sides
from tests.pvuw.report.members.make import settings, the_query, write_ensemble


@pytest.fixture
def root(tmp_path):
    return write_ensemble(tmp_path)


def scores_of(root, **options):
    made, query = settings(root, **options), the_query(root)
    facts = measure_members(query, made.sides[0], made.ensemble, made.truth, "mose")
    answer = measure_sides(query, made.sides, made.truth, "mose").sides[0]
    return score_members("v", answer, facts)


def test_members_are_scored_as_they_are_beside_the_answer(root):
    scores = scores_of(root)
    assert scores.answer.jf == 1
    assert [line.label for line in scores.members] == ["swaps", "loses"]
    assert scores.unscored == ("still",)
    assert scores.members[0].jf < 0.5  # ids are not put right here
    assert scores.best.label == "loses"
    assert scores.mean == pytest.approx(sum(line.jf for line in scores.members) / 2)


def test_gains_are_told(root):
    scores = scores_of(root)
    mean, best = scores.mean, scores.best.jf
    assert tell_scores(scores) == (
        f"J&F of the answer 1.000: {1 - mean:.3f} above its members' mean ({mean:.3f}), "
        f"{1 - best:.3f} above the best of them, loses ({best:.3f}). Not scored, as masks are "
        "missing: still."
    )


def test_the_table_has_answer_and_members_by_object(root):
    table = score_table(scores_of(root), [3, 9, 200])
    assert table[0] == ["answer", "1.000", "1.000", "1.000", "1.000", "1.000", ""]
    assert table[2][0] == "loses"
    assert table[2][4] == "1.000"  # object 3
    assert float(table[2][5]) < 1


def test_without_truth_nothing_is_scored(root):
    assert scores_of(root, truth=False) is None
