import pytest

from pvuw.sample.events import Absence, Cause, EventLog, Visibility

STATES = {"v": Visibility.VISIBLE, "c": Visibility.COVERED, "o": Visibility.OUTSIDE}


def absences(**histories):
    """Log of objects `a1`, `a2`, …, one letter a frame."""
    log = EventLog()
    for letters in zip(*histories.values(), strict=True):
        ids = [int(name[1:]) for name in histories]
        log.add({i: STATES[letter] for i, letter in zip(ids, letters, strict=True)})
    return log.absences()


@pytest.mark.parametrize(
    ("history", "cause", "first", "last", "returned_at"),
    [
        ("vccv", Cause.OCCLUDED, 1, 2, 3),
        ("vvcc", Cause.OCCLUDED, 2, 3, None),
        ("voov", Cause.LEFT, 1, 2, 3),
        ("vcov", Cause.LEFT, 1, 2, 3),
        ("vocv", Cause.LEFT, 1, 2, 3),
        ("oovv", Cause.LATE, 0, 1, 2),
        ("covv", Cause.LATE, 0, 1, 2),
        ("oooo", Cause.LATE, 0, 3, None),
    ],
)
def test_one_absence(history, cause, first, last, returned_at):
    assert absences(a5=history) == [Absence(5, cause, first, last, returned_at)]


def test_always_visible():
    assert absences(a1="vvvv") == []


def test_several_objects_in_order_of_time():
    assert absences(a7="vcvov", a3="vvcvv", a2="ovvvc") == [
        Absence(2, Cause.LATE, 0, 0, 1),
        Absence(7, Cause.OCCLUDED, 1, 1, 2),
        Absence(3, Cause.OCCLUDED, 2, 2, 3),
        Absence(7, Cause.LEFT, 3, 3, 4),
        Absence(2, Cause.OCCLUDED, 4, 4, None),
    ]
