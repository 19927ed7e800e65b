"""Predictions of several processes end as one, however unequal their shares."""

import time

import pytest

from pvuw.cli import main
from pvuw.io.lock import FolderLock
from tests.helpers.long_video import write_long_video
from tests.helpers.processes import pvuw

FRAMES = 300
COPY = ("--config", "mose/copy_first.yaml")


@pytest.fixture
def unequal(tmp_path):
    """A broken video and healthy ones, the long one for a process of its own."""
    root = tmp_path / "data"
    write_long_video(root, "long", FRAMES)
    for name in ("broken", "short"):
        write_long_video(root, name, 4)
    (root / "valid" / "JPEGImages" / "broken" / "00002.jpg").unlink()
    (root / "valid" / "JPEGImages" / "broken" / "00002.jpg").write_bytes(b"no picture")
    return root


def predict(root, out):
    return ("predict", *COPY, "--data.root", root, "--out", out)


def written(out):
    """Frames by video; hidden names are what nobody finished, or a lock that was left."""
    return {path.name: len(list(path.iterdir())) for path in (out / "Annotations").iterdir()}


@pytest.mark.parametrize("count", [2, 3])
def test_a_broken_video_costs_no_process_its_healthy_ones(count, unequal, processes, tmp_path):
    ended = processes.run(*predict(unequal, tmp_path / "o"), folder=tmp_path / "r", count=count)
    assert [process.status for process in ended] == [1] * count
    assert written(tmp_path / "o") == {"long": FRAMES, "short": 4}
    said = "".join(process.err for process in ended)
    assert said.count("pvuw: video broken failed: ") == 1
    assert said.count("pvuw: 1 of the videos failed, the others are done") == 1
    assert "Traceback" not in said
    # The first process ends last: whoever waits for it finds all that there is.
    assert "failed" in ended[0].err


@pytest.mark.parametrize("broken", ["long", "short"])
def test_the_first_process_waits_for_the_others(broken, unequal, processes, tmp_path):
    """With the broken one in its own share and in another's: the first process has the longest."""
    images = unequal / "valid" / "JPEGImages"
    if broken == "long":  # it breaks at once, and the process that had it waits for the other's
        (images / "long" / "00001.jpg").unlink()
        (images / "long" / "00001.jpg").write_bytes(b"")
        write_long_video(unequal, "other", FRAMES - 1)
    ended = processes.run(*predict(unequal, tmp_path / "o"), folder=tmp_path / "r")
    assert [process.status for process in ended] == [1, 1]
    healthy = {"other": FRAMES - 1, "short": 4} if broken == "long" else None
    assert written(tmp_path / "o") == (healthy or {"long": FRAMES, "short": 4})


@pytest.mark.parametrize("why", ["locked", "another recipe"])
def test_a_refused_folder_is_refused_to_all_at_once(why, unequal, processes, tmp_path):
    out = tmp_path / "o"
    words, lock = predict(unequal, out), None
    if why == "locked":
        lock, message = FolderLock(out / "Annotations"), "another run is writing into it"
    else:
        write_long_video(tmp_path / "one", "short", 4)
        assert main([*map(str, predict(tmp_path / "one", out)), "--trainer.accelerator=cpu"]) == 0
        words = (*words, "--model.init_args.inference.views.flips", "[false, true]")
        message = "holds masks of another recipe or checkpoint"
    started = time.monotonic()
    ended = processes.run(*words, folder=tmp_path / "r")
    assert time.monotonic() - started < 60
    assert [process.status for process in ended] == [2, 2]
    assert "".join(process.err for process in ended).count(message) == 1
    if lock is not None:
        lock.release()
        assert written(out) == {}


@pytest.fixture
def scored(tmp_path):
    """Two videos with truth."""
    root = tmp_path / "data"
    for name, frames in (("a", 12), ("b", 4)):
        write_long_video(root, name, frames, truth=True)
    return root


@pytest.mark.parametrize("command", ["validate", "test"])
def test_validation_says_everything_once(command, scored, processes, tmp_path):
    words = (command, *COPY, "--data.root", scored, "--out", tmp_path / "o")
    ended = processes.run(*words, folder=tmp_path / "r")
    assert [process.status for process in ended] == [0, 0]
    assert "sync_dist" not in "".join(process.err for process in ended)


def test_a_broken_validation_video_ends_all_processes_with_one_line(scored, processes, tmp_path):
    (scored / "valid" / "JPEGImages" / "b" / "00002.jpg").unlink()
    (scored / "valid" / "JPEGImages" / "b" / "00002.jpg").write_bytes(b"")
    words = ("validate", *COPY, "--data.root", scored, "--out", tmp_path / "o")
    ended = processes.run(*words, folder=tmp_path / "r")
    assert [process.status for process in ended] == [2, 2]
    said = "".join(process.err for process in ended)
    assert said.count("pvuw: ") == 1
    assert "00002.jpg: empty file" in said


def test_what_all_processes_find_wrong_is_said_once(processes, tmp_path):
    ended = processes.run(*predict(tmp_path / "nowhere", tmp_path / "o"), folder=tmp_path / "r")
    assert [process.status for process in ended] == [2, 2]
    said = "".join(process.err for process in ended)
    assert said.count("pvuw: error: ") == 1
    assert "nowhere" in said


@pytest.mark.slow
def test_a_run_as_users_start_it(unequal, tmp_path):
    """Lightning starts the second process, and would kill the first for its status."""
    words = (*predict(unequal, tmp_path / "o"), "--trainer.accelerator", "cpu")
    done = pvuw(*words, "--trainer.devices", 2)
    assert done.returncode == 1, done.stderr
    assert written(tmp_path / "o") == {"long": FRAMES, "short": 4}
    assert done.stderr.count("pvuw: video broken failed: ") == 1
