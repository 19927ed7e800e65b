import base64
import json
import zlib
from dataclasses import replace

import numpy as np
import pytest

from tests.pvuw.ensemble.scenes_of_squares import NUM_FRAMES, video
from tests.pvuw.report.make import entry_of
from tests.pvuw.report.members.make import NAMES, settings, the_query, write_ensemble


@pytest.fixture
def root(tmp_path):
    return write_ensemble(tmp_path)


def entry(root, **options):
    return entry_of(the_query(root), settings(root, **options))


def pixels(text, size_hw):
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8).reshape(size_hw)


def test_members_have_masks_of_the_pictures_and_curves_of_every_frame(root):
    data = json.loads(entry(root).payload)
    told = data["ensemble"]
    assert [member["name"] for member in told["members"]] == list(NAMES)
    for member in told["members"]:
        assert len(member["masks"]) == len(data["picks"]) == len(told["agreement"])
        assert [len(curve) for curve in member["iou"]] == [NUM_FRAMES, NUM_FRAMES]
    assert told["members"][2]["iou"][1] == [1000] * 12 + [0] * 4
    assert told["bands"][0] == {"object": 3, "runs": [[0, 4, 0], [4, 6, 1], [6, 16, 0]]}
    assert told["exchanged"] == [[1, 3, 9, 6, 16]]
    assert len(told["contested"]) == NUM_FRAMES


def test_member_masks_have_ids_put_right(root):
    data = json.loads(entry(root).payload)
    pick = len(data["picks"]) - 1
    size = data["ensemble"]["size"]
    shown = pixels(data["ensemble"]["members"][1]["masks"][pick], size)
    answer = pixels(data["sides"][0]["masks"][pick], data["size"])
    assert (size, data["picks"][pick]) == (data["size"], NUM_FRAMES - 1)
    np.testing.assert_array_equal(shown, answer)


def test_the_map_counts_who_agrees(root):
    made = replace(settings(root), max_side=80)
    data = json.loads(entry_of(the_query(root), made).payload)
    levels = pixels(data["ensemble"]["agreement"][-1], (48, 80))
    truth = video()[-1]
    expected = 2 + (truth == np.roll(truth, 1, axis=1)).astype(int) - (truth == 9)
    np.testing.assert_array_equal(levels, expected)


def test_frames_that_tell_most_are_among_the_pictures(root):
    data = json.loads(entry(root).payload)
    regions = data["ensemble"]["regions"]
    assert regions
    assert {region["frame"] for region in regions} <= set(data["picks"])


def test_a_silent_member_has_no_mask(root):
    made = replace(settings(root), frames_per_video=NUM_FRAMES)
    data = json.loads(entry_of(the_query(root), made).payload)
    masks = data["ensemble"]["members"][0]["masks"]
    assert [position for position, mask in enumerate(masks) if mask is None] == [4, 5]


def test_a_damaged_record_is_a_problem_and_the_answer_is_shown(root):
    path = root / "out/agreement/v.jsonl"
    path.write_text("{")
    made = entry(root)
    assert json.loads(made.payload)["ensemble"] is None
    (problem,) = made.summary.problems
    assert problem.startswith(f"{path}: not a record")
    assert made.summary.ensemble is None


def test_other_predictions_have_no_members(root):
    made = replace(settings(root), ensemble=None)
    data = json.loads(entry_of(the_query(root), made).payload)
    assert data["ensemble"] is None
