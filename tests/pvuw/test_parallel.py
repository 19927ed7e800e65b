import os
import time

import pytest

from pvuw.errors import DataError, PvuwError
from pvuw.parallel import map_in_order


def slow_square(number):
    time.sleep(0.02 * (number % 3))
    return number * number, os.getpid()


def refuse_two(number):
    if number == 2:
        raise DataError("two: not wanted; leave it out")
    return number


def die(number):
    os._exit(3)


def test_results_come_in_order_from_other_processes():
    results = list(map_in_order(slow_square, range(7), workers=2))
    assert [square for square, _ in results] == [n * n for n in range(7)]
    assert os.getpid() not in {process for _, process in results}


@pytest.mark.parametrize("workers", [1, 2])
def test_errors_are_raised_in_their_turn(workers):
    results = map_in_order(refuse_two, range(4), workers=workers)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(DataError, match="two: not wanted"):
        next(results)


def test_takes_few_tasks_ahead():
    taken = []
    tasks = (taken.append(n) or n for n in range(100))
    results = map_in_order(refuse_two, tasks, workers=2)
    next(results)
    assert len(taken) <= 5
    results.close()


def test_dead_worker_is_one_line():
    with pytest.raises(PvuwError, match="worker process died"):
        list(map_in_order(die, range(2), workers=2))
