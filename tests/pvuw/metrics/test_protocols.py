import pytest

from pvuw.metrics.names import PROTOCOL_NAMES
from pvuw.metrics.protocols import PROTOCOLS, get_protocol

# First-frame ids 2 and 5; 1 and 9 enter later; 3 and 4 never exist.
FIRST, ALL = {2, 5}, {1, 2, 5, 9}


@pytest.mark.parametrize(
    ("name", "expected"), [("davis2017", [1, 2, 5]), ("mose", [2, 5]), ("mosev2", [1, 2, 5, 9])]
)
def test_whom_each_protocol_scores(name, expected):
    assert get_protocol(name).select_objects(FIRST, ALL) == expected


@pytest.mark.parametrize("name", ["davis2017", "mose"])
def test_no_first_object_leaves_nothing(name):
    assert get_protocol(name).select_objects(set(), ALL) == []


def test_only_mosev2_has_an_adaptive_f():
    assert [p.name for p in PROTOCOLS.values() if p.has_adaptive_f] == ["mosev2"]


def test_only_davis_is_strict():
    assert [p.name for p in PROTOCOLS.values() if not p.allows_extra_ids] == ["davis2017"]


def test_every_name_has_its_rules():
    assert list(PROTOCOLS) == list(PROTOCOL_NAMES)


@pytest.mark.parametrize("name", ["davis2017", "mose", "mosev2"])
def test_the_first_and_the_last_frame_never_count(name):
    rules = get_protocol(name)
    assert list(rules.scored_frames(5)) == [1, 2, 3]
    assert [len(rules.scored_frames(n)) for n in (0, 1, 2, 3)] == [0, 0, 0, 1]


def test_mevis_scores_one_target_in_all_frames():
    rules = get_protocol("mevis")
    assert rules.kind == "expression"
    assert list(rules.scored_frames(2)) == [0, 1]
    assert rules.select_objects({2, 5}, {2, 5}) == [1]
    assert rules.select_objects(set(), set()) == [1]
