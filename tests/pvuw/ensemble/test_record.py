import json

import numpy as np
import pytest

from pvuw.ensemble.fuse.evidence import Evidence
from pvuw.ensemble.members.frame_line import exchanges_of
from pvuw.ensemble.record import Choice, Exchange, Record, read_record
from pvuw.errors import DataError
from tests.helpers.array_frames import ArrayFrames
from tests.pvuw.report.members.make import NAMES, write_ensemble


@pytest.fixture
def path(tmp_path):
    return write_ensemble(tmp_path) / "out/agreement/v.jsonl"


def test_a_record_says_what_was_found_and_chosen(path):
    record = read_record(path)
    assert (record.method, list(record.weights)) == ("select", list(NAMES))
    assert record.exchanges == (Exchange("swaps", (3, 9), "00006", "00015"),)
    assert [(c.object_id, c.member) for c in record.choices] == [(3, "still"), (9, "loses")]
    assert record.choices[1].ranking == ("loses", "still", "swaps")


def test_no_file_is_no_record(path):
    assert read_record(path.with_name("other.jsonl")) is None


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"method": "fuse"}', '{"members": 3}'])
def test_a_damaged_record_is_named(path, text):
    path.write_text(text)
    with pytest.raises(DataError, match=r"v\.jsonl: not a record of pvuw ensemble"):
        read_record(path)


def test_exchanged_ids_are_put_right_where_they_were_exchanged(path):
    record = read_record(path)
    assert record.id_table("swaps", "00005") is None
    assert record.id_table("still", "00006") is None
    table = record.id_table("swaps", "00006")
    assert (table[3], table[9], table[4]) == (9, 3, 4)


def test_ids_are_those_that_the_ensemble_used():
    """A circle of three from 5 on, two of which were exchanged from 2 on already."""
    blocks = np.zeros((20, 24, 60), np.uint8)
    for number, object_id in enumerate((2, 4, 6)):
        blocks[:, 4:20, 4 + 20 * number : 16 + 20 * number] = object_id
    odd = blocks.copy()
    first, then = np.arange(256, dtype=np.uint8), np.arange(256, dtype=np.uint8)
    first[[2, 4]], then[[2, 4, 6]] = (4, 2), (4, 6, 2)
    odd[2:5], odd[5:] = first[blocks[2:5]], then[blocks[5:]]
    evidence = Evidence(ArrayFrames([blocks, np.roll(blocks, 1, axis=1), odd]), [1, 1, 1])
    names = [f"{number:05d}" for number in range(20)]
    exchanges = exchanges_of(evidence, ["a", "b", "c"], names)
    assert len(exchanges) >= 2
    record = Record("fuse", {}, exchanges)
    for position, name in enumerate(names):
        table = record.id_table("c", name)
        right = odd[position] if table is None else table[odd[position]]
        np.testing.assert_array_equal(right, evidence.read(position)[2])
        np.testing.assert_array_equal(right, blocks[position])
    backwards = Record("fuse", {}, tuple(reversed(exchanges)))
    assert (backwards.id_table("c", names[-1]) != record.id_table("c", names[-1])).any()


def test_the_latest_choice_holds(tmp_path):
    stretches = [
        {"first_frame": "9", "member": "still", "reason": "still: x"},
        {"first_frame": "10", "member": "loses", "reason": "loses: y"},
    ]
    root = write_ensemble(tmp_path, choices=stretches)
    record = read_record(root / "out/agreement/v.jsonl")
    found = [record.choice_at(name, None) for name in ("8", "9", "10", "100")]
    assert [c and c.member for c in found] == [None, "still", "loses", "loses"]


def test_what_was_written_is_read(tmp_path):
    swap = Exchange("b", (3, 9), "00006", "00015", 12.5)
    chosen = Choice("a", {"a": 0.9, "b": 0.8}, {"a": 0.6, "b": 0.4}, "a: best", object_id=9)
    for record in (
        Record("vote", {"a": 1.0, "b": 2.0}, problems=("a: no mask",), matched=False),
        Record("fuse", {"a": 1.0, "b": 2.0}, (swap,), (("a", "b"),)),
        Record("select", {"a": 1.0, "b": 2.0}, (swap,), choices=(chosen,)),
    ):
        line = {"stamp": "x", "method": record.method, "video": "v", **record.to_json()}
        (tmp_path / "v.jsonl").write_text(json.dumps(line))
        found = read_record(tmp_path / "v.jsonl")
        assert found == record
        assert [e.evidence for e in found.exchanges] == [e.evidence for e in record.exchanges]
