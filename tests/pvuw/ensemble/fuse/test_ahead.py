import threading
import time

import pytest

from pvuw.ensemble.fuse.ahead import THREADS, ahead


def test_results_keep_their_order_however_long_they_take():
    def work(position):
        time.sleep(0.01 * (position % 3 == 0))
        return position

    assert list(ahead(work, 20)) == list(range(20))


def test_two_are_worked_on_at_the_same_time():
    meeting = threading.Barrier(2)
    assert list(ahead(lambda position: meeting.wait(timeout=5) >= 0, 4)) == [True] * 4


def test_only_a_few_are_worked_out_ahead():
    begun = []
    results = ahead(begun.append, 50)
    next(results)
    time.sleep(0.05)
    assert len(begun) <= THREADS + 2
    results.close()
    assert len(begun) <= THREADS + 2


def test_an_error_is_raised_in_its_turn():
    results = ahead(lambda position: 6 // (2 - position), 5)
    assert [next(results), next(results)] == [3, 6]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_nothing_to_do():
    assert list(ahead(str, 0)) == []
