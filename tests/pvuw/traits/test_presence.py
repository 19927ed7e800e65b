from pvuw.traits.presence import PresenceTracker


def follow(*frames):
    tracker = PresenceTracker()
    for visible in frames:
        tracker.update(visible)
    return tracker


def drawn(text):
    """One object from a drawing: `#` visible, `.` not."""
    return follow(*([1] if mark == "#" else [] for mark in text))


def test_two_absences_of_known_length():
    tracker = drawn("##..##...#")
    assert (tracker.disappearances, tracker.reappearances, tracker.gaps) == (2, 2, [2, 3])
    assert (tracker.disappearance_rate, tracker.reappearance_rate) == (1, 1)


def test_an_object_that_enters_late_was_not_absent_before():
    assert drawn("...###").disappearances == 0


def test_an_object_that_leaves_for_good_disappears_without_a_gap():
    tracker = drawn("##....")
    assert (tracker.disappearances, tracker.gaps) == (1, [])
    assert (tracker.disappearance_rate, tracker.reappearance_rate) == (1, 0)


def test_rates_are_shares_of_objects_not_of_events():
    tracker = follow([1, 2], [2], [1, 2], [2], [1, 2, 3], [1, 3])
    assert tracker.disappearances == 3
    assert tracker.disappearance_rate == 2 / 3  # 1 comes back, 2 leaves, 3 stays
    assert tracker.reappearance_rate == 1 / 3


def test_video_without_objects_has_no_rates():
    tracker = follow([], [])
    assert tracker.disappearance_rate is None
    assert tracker.reappearance_rate is None
