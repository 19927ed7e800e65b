"""Each safety of the pool, with real processes that are really interrupted, killed and orphaned."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pvuw.errors import DataError, PvuwError
from pvuw.parallel import map_as_done, map_in_order

MAPS = [map_in_order, map_as_done]


def slow_square(number):
    time.sleep(0.02 * (number % 3))
    return number * number, os.getpid()


def slow_first(number):
    time.sleep(1.5 if number == 0 else 0)
    return number


def refuse_two(number):
    if number == 2:
        raise DataError("two: not wanted; leave it out")
    return number


def end_in_two(end):
    if end is not None:
        time.sleep(0.3)  # the other worker is at its task by now
        end()
    time.sleep(0.6)


def leave():
    os._exit(3)


def kill_itself():
    os.kill(os.getpid(), signal.SIGKILL)


def was_prepared(_):
    return os.environ.get("PREPARED")


def prepare():
    os.environ["PREPARED"] = "yes"


def test_results_come_in_order_from_other_processes():
    results = list(map_in_order(slow_square, range(7), workers=2, name=str))
    assert [square for square, _ in results] == [n * n for n in range(7)]
    assert os.getpid() not in {process for _, process in results}


def test_results_come_as_they_get_done():
    results = list(map_as_done(slow_first, range(4), workers=2, name=str))
    assert sorted(results) == [(n, n) for n in range(4)]
    assert results[-1] == (0, 0)


@pytest.mark.parametrize("workers", [1, 2])
def test_errors_are_raised_in_their_turn(workers):
    results = map_in_order(refuse_two, range(4), workers=workers, name=str)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(DataError, match="two: not wanted"):
        next(results)


@pytest.mark.parametrize("run", MAPS)
def test_takes_few_tasks_ahead(run):
    taken = []
    tasks = (taken.append(n) or n for n in range(100))
    results = run(abs, tasks, workers=2, name=str)
    next(results)
    assert len(taken) <= 5
    results.close()


@pytest.mark.parametrize("run", MAPS)
@pytest.mark.parametrize(("end", "how"), [(leave, "status 3"), (kill_itself, "SIGKILL")])
def test_a_dead_worker_is_one_line_that_names_its_task(run, end, how):
    with pytest.raises(PvuwError) as error:
        list(run(end_in_two, [None, end, None, None], workers=2, name=lambda e: f"video {e}"))
    assert str(error.value) == (
        f"a worker process died ({how}) at video {end}, probably for lack of memory; "
        "try --workers 1"
    )


def test_workers_are_prepared():
    assert list(map_in_order(was_prepared, range(2), workers=2, name=str, prepare=prepare)) == [
        "yes",
        "yes",
    ]


DRIVER = """
import os, sys, time
from pathlib import Path
from pvuw.parallel import map_in_order

def work(number):
    Path(sys.argv[1], f"{number}.{os.getpid()}").touch()
    time.sleep(float(sys.argv[2]))
    Path(sys.argv[1], f"{number}.done").touch()

if __name__ == "__main__":
    list(map_in_order(work, range(50), workers=2, name=str))
"""


def start_driver(folder, *, seconds):
    """Start a process with two workers and return it, them at work, and their process ids."""
    script = folder / "driver.py"
    script.write_text(DRIVER)
    started = folder / "started"
    started.mkdir()
    process = subprocess.Popen(
        [sys.executable, str(script), str(started), str(seconds)],
        # A shell that starts the tests in the background has its children ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that a Ctrl-C can be sent to all of it and nothing else
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    deadline = time.monotonic() + 60
    while len(pids := {int(p.suffix[1:]) for p in started.glob("*.[0-9]*")}) < 2:
        assert time.monotonic() < deadline, "the workers did not start"
        time.sleep(0.02)
    return process, started, pids


def test_ctrl_c_finishes_what_is_at_hand_and_starts_nothing(tmp_path):
    process, started, _ = start_driver(tmp_path, seconds=1)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    begun, done = len(list(started.glob("*.[0-9]*"))), len(list(started.glob("*.done")))
    assert begun == done <= 5
    assert process.returncode != 0
    assert errors.count("Traceback") == 1, errors  # the main process's own


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_workers_end_with_a_killed_parent(tmp_path):
    process, _, pids = start_driver(tmp_path, seconds=600)
    process.kill()
    process.communicate(timeout=60)
    deadline = time.monotonic() + 30
    while left := [pid for pid in pids if Path(f"/proc/{pid}").exists()]:
        assert time.monotonic() < deadline, f"{left} outlived their parent"
        time.sleep(0.05)
