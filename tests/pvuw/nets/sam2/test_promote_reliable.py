import pytest

from pvuw.nets.sam2.promote_reliable import PromoteReliable
from tests.pvuw.nets.sam2.records import absent, record


def follow(records, **options):
    memory = PromoteReliable(**options).follow(6)
    return [memory.see(r) for r in records]


def test_latest_reliable_frames_become_permanent_when_the_object_disappears():
    quality = [1.0, 0.9, 0.7, 0.5, 0.8, 0.9, 0.61, 0.3]
    seen = [record(t, quality=q, prompted=t == 0) for t, q in enumerate(quality)]
    choices = follow([*seen, absent(8), absent(9)])
    assert all(c.permanent == () for c in choices[:8])
    assert choices[7].reserve == {2, 4, 5, 6}
    assert choices[8].permanent == choices[9].permanent == (2, 4, 5, 6)
    assert choices[8].reserve == frozenset()


def test_recent_memory_is_left_to_the_network():
    choices = follow([record(t, prompted=t == 0) for t in range(9)])
    assert all(choice.recent is None for choice in choices)


def test_only_the_first_disappearance_counts():
    life = [record(0, prompted=True), record(1), absent(2), record(3), record(4), absent(5)]
    choices = follow(life)
    assert [c.permanent for c in choices] == [(), (), (1,), (1,), (1,), (1,)]
    assert choices[4].reserve == frozenset()


def test_no_frame_need_be_reliable():
    choices = follow([record(0, prompted=True), record(1, quality=0.6), absent(2), record(3)])
    assert choices[-1].permanent == ()
    assert choices[-1].reserve == frozenset()


def test_a_prompt_says_nothing_about_disappearing():
    """Prompted frames stay anyway, and a prompt may say that the object is not there."""
    gone = record(2, mask=None, presence=-10.0, prompted=True)
    choices = follow([record(0, prompted=True), record(1), gone, record(3), absent(4)])
    assert choices[2].permanent == ()
    assert choices[4].permanent == (1, 3)


def test_options():
    life = [record(t, quality=0.1 * t, prompted=t == 0) for t in range(8)]
    choices = follow([*life, absent(8)], max_frames=2, min_quality=0.45)
    assert choices[8].permanent == (6, 7)
    assert follow([*life, absent(8)], max_frames=9, min_quality=0.45)[8].permanent == (5, 6, 7)


@pytest.mark.parametrize("options", [{"max_frames": 0}, {"min_quality": 1.0}, {"min_quality": -1}])
def test_values_without_meaning(options):
    (name,) = options
    with pytest.raises(ValueError, match=name):
        PromoteReliable(**options)
