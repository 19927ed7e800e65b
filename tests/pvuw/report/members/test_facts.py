import json
from dataclasses import replace

import numpy as np
import pytest

from pvuw.cli import main
from pvuw.io.masks import write_id_map
from pvuw.metrics.pairs import pair_trees
from pvuw.metrics.scoring import score_pair
from pvuw.report.members.facts import measure_members
from pvuw.report.members.folder import find_ensemble
from tests.pvuw.ensemble.scenes_of_squares import IDS, NUM_FRAMES, iou, video
from tests.pvuw.report.members.make import (
    FRAMES,
    NAMES,
    maps_of,
    settings,
    the_query,
    write_ensemble,
)


@pytest.fixture
def root(tmp_path):
    return write_ensemble(tmp_path)


def measure(root, **options):
    made = settings(root, **options)
    return measure_members(the_query(root), made.sides[0], made.ensemble, made.truth, "mose")


def test_agreement_is_that_of_ids_put_right(root):
    still, swaps, loses = measure(root).members
    assert [name.name for name in (still, swaps, loses)] == list(NAMES)
    expected = round(iou(maps_of()["still"][0], video()[0], 3), 3)
    assert 0.5 < expected < 1
    assert still.ious[0] == {3: expected, 9: expected}
    assert swaps.ious == [{3: 1.0, 9: 1.0}] * NUM_FRAMES
    assert [frame[9] for frame in loses.ious] == [1.0] * 12 + [0.0] * 4


def test_without_a_record_ids_are_as_they_are(root):
    swaps = measure(root, records=False).members[1]
    assert swaps.ious[5] == {3: 1.0, 9: 1.0}
    assert swaps.ious[6] == {3: 0.0, 9: 0.0}


def test_silence_is_known_and_no_problem(root):
    facts = measure(root)
    still = facts.members[0]
    assert still.silent == [4, 5]
    assert still.ious[4] is None
    assert facts.problems == []
    assert facts.bands[0].members[3:7] == [0, 1, 1, 0]  # the next of the ranking stands in


def test_contested_share_and_regions(root):
    facts = measure(root)
    lost = [region for region in facts.regions if region.says["loses"] == 0]
    (region,) = lost
    assert (region.answer, region.says) == (9, {"still": 9, "swaps": 9, "loses": 0})
    assert (FRAMES[region.first], FRAMES[region.last]) == ("00012", "00015")
    square = np.count_nonzero(video()[12] == 9) / video()[12].size
    assert region.share == pytest.approx(square, rel=0.15)  # less an edge that one draws elsewhere
    assert facts.contested[4] == 0  # two members, one opinion
    assert facts.contested[12] > square
    assert np.argmax(facts.contested) in facts.telling_frames


def test_scores_are_those_of_evaluate(root):
    facts = measure(root)
    swaps = facts.members[1].side.scores
    pairs = pair_trees(root / "gt", root / "out/members/swaps-1", "mose").pairs
    reference = score_pair(pairs[0], "mose").result
    np.testing.assert_array_equal(swaps.j, reference.j)
    np.testing.assert_array_equal(swaps.f, reference.f)
    assert facts.members[0].side.scores is None  # masks are missing


def test_masks_of_another_size_are_resized_and_told(root):
    for name, id_map in zip(FRAMES, video(), strict=True):
        large = id_map.repeat(2, axis=0).repeat(2, axis=1)
        write_id_map(root / f"out/members/loses-1/Annotations/v/{name}.png", large)
    facts = measure(root)
    assert facts.members[2].ious == [{3: 1.0, 9: 1.0}] * NUM_FRAMES
    assert facts.notes == ["loses: masks of 160x96, resized to 80x48"]


def test_a_damaged_mask_is_a_problem_and_no_opinion(root):
    path = root / "out/members/loses-1/Annotations/v/00002.png"
    path.write_bytes(b"no picture")
    facts = measure(root)
    assert facts.members[2].silent == [2]
    (problem,) = facts.problems
    assert problem.startswith(f"{path}: ")


def test_a_frame_without_an_answer_compares_nothing(root):
    (root / "out/Annotations/v/00003.png").unlink()
    facts = measure(root)
    assert facts.contested[3] is None
    assert all(member.ious[3] is None for member in facts.members)
    assert facts.members[0].silent == [4, 5]


@pytest.mark.parametrize("method", ["fuse", "select"])
def test_figures_are_those_of_the_ensembles_own_record(root, method):
    words = [f"{name}={root}/out/members/{name}-1" for name in NAMES]
    argv = ["ensemble", method, "--pred", *words, "--out", f"{root}/new", "--workers", "1"]
    assert main([*argv, "--images", f"{root}/JPEGImages"]) == 0
    made = settings(root)
    found, notes = find_ensemble(root / "new/Annotations", {})
    assert notes == []
    answer = replace(made.sides[0], root=root / "new/Annotations")
    facts = measure_members(the_query(root), answer, found, None, "mose")
    _, *lines = map(json.loads, (root / "new/agreement/v.jsonl").read_text().splitlines())
    assert facts.contested == [line["contested"] for line in lines]
    for member in facts.members:
        recorded = [line["members"].get(member.name) for line in lines]
        said = [frame and {str(i): value for i, value in frame.items()} for frame in member.ious]
        assert said == recorded
    assert set(facts.members[1].ious[9]) == set(IDS)
