import numpy as np

from pvuw.ensemble.fuse.evidence import Evidence
from pvuw.ensemble.members.frame_line import exchanges_of, frame_line
from pvuw.ensemble.record import Exchange
from tests.helpers.array_frames import ArrayFrames
from tests.pvuw.ensemble.scenes_of_squares import NUM_FRAMES, shifted, swapped, video, without


def test_a_frame_says_who_agrees_and_who_was_overruled():
    answer = video()[0]
    maps = [answer, without(video(), 9)[0], None]
    line = frame_line("00000", ["a", "b", "c"], maps, answer)
    assert line["agreement"] == {3: 1.0, 9: 0.5}
    assert line["members"] == {"a": {3: 1.0, 9: 1.0}, "b": {3: 1.0, 9: 0.0}}
    assert line["overruled"] == {9: ["b"]}
    assert line["silent"] == ["c"]
    assert line["contested"] == round(144 / answer.size, 5)
    (region,) = line["regions"]
    left, top, right, bottom = region["box_xyxy"]
    assert (left * 80, top * 48, right * 80, bottom * 48) == (66, 24, 78, 36)
    assert (region["answer"], region["members"]) == (9, {"a": 9, "b": 0})


def test_thin_edges_are_no_region():
    line = frame_line("0", ["a", "b"], [video()[0], shifted(video(), 1)[0]], video()[0])
    assert line["contested"] > 0
    assert line["regions"] == []


def test_no_member_has_a_mask():
    line = frame_line("0", ["a"], [None], np.zeros((4, 4), np.uint8))
    assert line["agreement"] == {}
    assert line["silent"] == ["a"]


def test_swaps_name_member_and_frames():
    members = [video(), shifted(video(), 1), swapped(shifted(video(), -1), 5, 11)]
    names = [f"{number:05d}" for number in range(0, 5 * NUM_FRAMES, 5)]
    (found,) = exchanges_of(Evidence(ArrayFrames(members), [1, 1, 1]), ["a", "b", "c"], names)
    assert found == Exchange("c", (3, 9), "00025", "00055")
    assert found.evidence > 10
