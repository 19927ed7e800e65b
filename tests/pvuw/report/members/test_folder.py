import json

import pytest

from pvuw.errors import DataError
from pvuw.report.members.folder import find_ensemble, name_members
from tests.pvuw.report.members.make import NAMES, write_ensemble


@pytest.fixture
def out(tmp_path):
    return write_ensemble(tmp_path) / "out"


def roots(found):
    return {source.label: source.root for source in found.members}


def say(out, **more):
    said = json.loads((out / "ensemble.json").read_text())
    (out / "ensemble.json").write_text(json.dumps({**said, **more}))


def test_members_are_found_where_the_ensemble_noted_them(out, tmp_path):
    masks = {name: f"members/{name}-1/Annotations" for name in NAMES[:2]}
    elsewhere = tmp_path / "elsewhere"
    (out / "members/loses-1/Annotations").rename(elsewhere)
    say(out, masks={**masks, "loses": str(elsewhere)})
    found, notes = find_ensemble(out / "Annotations", {})
    assert notes == []
    assert roots(found) == {
        "still": out / "members/still-1/Annotations",
        "swaps": out / "members/swaps-1/Annotations",
        "loses": elsewhere,
    }
    assert found.records == out / "agreement"


def test_members_of_a_recipe_are_found_without_a_note(out):
    found, notes = find_ensemble(out / "Annotations", {})
    assert (list(roots(found)), notes) == (list(NAMES), [])


def test_what_is_not_found_is_one_line_with_the_way_to_give_it(out):
    (out / "members/loses-1").rename(out / "members/another")
    found, (note,) = find_ensemble(out / "Annotations", {})
    assert list(roots(found)) == ["still", "swaps"]
    assert note == (
        f"{out}: masks of loses are not found; give --members still=DIR swaps=DIR loses=DIR"
    )


def test_given_members_come_first(out):
    given = name_members([f"one={out / 'members/still-1'}", str(out / "members/loses-1")])
    found, notes = find_ensemble(out / "Annotations", given)
    assert list(roots(found)) == ["one", "loses-1"]
    assert (found.records, notes) == (out / "agreement", [])


def test_two_of_one_name_are_refused(out):
    word = f"a={out / 'members/still-1'}"
    with pytest.raises(DataError, match="two are called a; give NAME=DIR each"):
        name_members([word, word])


def test_other_folders_have_no_members(out):
    assert find_ensemble(out / "members/still-1/Annotations", {}) == (None, [])


@pytest.mark.parametrize("text", ["", "[]", '{"members": 3}', '{"members": {}, "masks": 1}'])
def test_somebody_elses_file_is_noted(out, text):
    (out / "ensemble.json").write_text(text)
    found, (note,) = find_ensemble(out / "Annotations", {})
    assert found is None
    assert note == f"{out / 'ensemble.json'}: not written by pvuw ensemble, so no members are shown"
