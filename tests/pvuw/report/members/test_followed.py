from pvuw.ensemble.record import Choice, Record
from pvuw.report.members.followed import Band, bands, is_followed, nearest

FRAMES = ["0", "1", "2", "3"]
ALL = [{1: 0.9}] * 4


def record(*choices, method="select"):
    return Record(method, {"a": 1.0, "b": 1.0}, choices=choices)


def choice(member, other, **where):
    return Choice(member, {member: 0.9, other: 0.8}, {}, "because", **where)


def test_one_band_for_each_object():
    said = record(choice("a", "b", object_id=4), choice("b", "a", object_id=7))
    found = bands(said, ["a", "b"], FRAMES, [ALL, ALL])
    assert found == [Band(4, [0] * 4), Band(7, [1] * 4)]


def test_the_next_of_the_ranking_stands_in_for_a_silent_member():
    silent = [*ALL[:1], None, None, *ALL[:1]]
    (band,) = bands(record(choice("a", "b")), ["a", "b"], FRAMES, [silent, ALL])
    assert band.members == [0, 1, 1, 0]
    assert band.runs() == [(0, 1, 0), (1, 3, 1), (3, 4, 0)]


def test_a_stretch_begins_where_the_record_says():
    said = record(choice("a", "b", first_frame="0"), choice("b", "a", first_frame="2"))
    (band,) = bands(said, ["a", "b"], FRAMES, [ALL, ALL])
    assert band.members == [0, 0, 1, 1]


def test_a_member_that_is_not_shown_is_nobody():
    (band,) = bands(record(choice("a", "b")), ["b"], FRAMES, [ALL])
    assert band.members == [None] * 4


def test_without_a_choice_the_nearest_is_told():
    one = [{1: 0.9, 2: 0.1}, {1: 0.9}, None, None]
    two = [{1: 0.6, 2: 0.6}, {1: 0.91}, {1: 0.1}, None]
    for said in (None, record(method="vote")):
        assert not is_followed(said)
        assert bands(said, ["a", "b"], FRAMES, [one, two])[0].members == [1, 1, 1, None]


def test_near_equals_do_not_flicker():
    one, two = [{1: 0.90}, {1: 0.90}, {1: 0.90}], [{1: 0.89}, {1: 0.915}, {1: 0.93}]
    assert nearest([one, two]) == [0, 0, 1]
