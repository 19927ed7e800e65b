import pytest

from pvuw.ensemble.record import read_record
from pvuw.report.members.facts import Region, measure_members
from pvuw.report.members.words import tell, tell_choices, tell_method, tell_region
from tests.pvuw.report.members.make import SWAP, settings, the_query, write_ensemble

STRETCHES = [
    {"first_frame": "00000", "member": "still", "reason": "still: agrees most"},
    {"first_frame": "00008", "member": "swaps", "reason": "swaps: agrees more"},
]


def facts_of(root):
    made = settings(root)
    return measure_members(the_query(root), made.sides[0], made.ensemble, made.truth, "mose")


def test_what_happened_is_told_a_sentence_each(tmp_path):
    root = write_ensemble(tmp_path)
    assert tell(facts_of(root)) == [
        "still has no mask in 2 frames (00004, 00005): swaps stands in for object 3.",
        "swaps has ids exchanged, put right here too: 3 and 9 from 00006 to 00015.",
        "still has no mask in 2 of 16 frames (00004, 00005).",
        "loses was overruled (IoU below 0.5) on object 9 in 4 of 16 frames.",
    ]


def test_choices_are_told_with_their_reasons(tmp_path):
    record = read_record(write_ensemble(tmp_path) / "out/agreement/v.jsonl")
    told = tell_choices(record)
    assert [(one.object_id, one.what, one.member, one.reason) for one in told] == [
        (3, "object 3", "still", "agrees most"),
        (9, "object 9", "loses", "agrees most"),
    ]


@pytest.mark.parametrize(
    ("choices", "method", "words"),
    [
        ([{"member": "still", "reason": ""}], "select", "still is followed"),
        (STRETCHES, "select", "One member is followed at a time"),
        (
            [{"object_id": 3, "member": "still", "reason": ""}],
            "select",
            "One member is followed for each object",
        ),
        ([], "vote", "Voted: each pixel has the label of most votes"),
        ([], "fuse", "Fused: each pixel has the label of most votes, exchanged ids put right"),
    ],
)
def test_how_the_answer_was_made_is_the_title(tmp_path, choices, method, words):
    root = write_ensemble(tmp_path, choices=choices, method=method)
    assert tell_method(read_record(root / "out/agreement/v.jsonl")) == words


def test_nothing_noted_is_said():
    assert tell_method(None) == "Nothing was noted on how this answer was made"
    assert tell_choices(None) == []


def test_votes_of_a_fusion_are_told(tmp_path):
    votes = {"still": 0.25, "swaps": 0.7, "loses": 0.05}
    choices = [{"object_id": 3, "member": "swaps", "reason": "swaps: best", "votes": votes}]
    root = write_ensemble(tmp_path, choices=choices, method="fuse")
    (told,) = tell_choices(read_record(root / "out/agreement/v.jsonl"))
    assert told.reason == "most votes (swaps 0.70, still 0.25, loses 0.05): best"


def test_several_exchanges_of_a_member_are_one_sentence(tmp_path):
    later = {**SWAP, "first_frame": "00012", "object_ids": [3, 4]}
    facts = facts_of(write_ensemble(tmp_path, swaps=[SWAP, later]))
    assert (
        "swaps has ids exchanged, put right here too: 3 and 9 from 00006 to 00015 and 3 and 4 from "
        "00012 to 00015."
    ) in tell(facts)


def test_a_region_says_how_large_where_when_and_who():
    names = [f"{number:05d}" for number in range(9)]
    region = Region(9, {"a": 9, "b": 0, "c": 9}, 2, 7, 5, 0.0412, (0.7, 0.7, 0.9, 0.9))
    assert tell_region(region, names) == (
        "4.1 % of the frame, lower right, 00002 to 00007: object 9 by the answer, a and c; "
        "background by b."
    )


def test_a_region_without_sides_says_so():
    region = Region(0, {"a": 0, "b": 0}, 3, 3, 3, 0.002, (0.4, 0.0, 0.6, 0.1))
    assert tell_region(region, ["0"] * 4) == (
        "0.2 % of the frame, at the top, in 0: members differ on parts of it, most is background "
        "to each."
    )
