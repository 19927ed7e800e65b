import errno
import fcntl
import subprocess
import sys

import pytest

from pvuw.errors import DataError
from pvuw.io.lock import FolderLock

HOLD = """
import sys, time
from pathlib import Path
from pvuw.io.lock import FolderLock
lock = FolderLock(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


def test_a_second_run_is_refused_and_told_who_writes(tmp_path):
    lock = FolderLock(tmp_path / "out")
    with pytest.raises(DataError, match=rf"{tmp_path}/out: another run.*process \d+ on"):
        FolderLock(tmp_path / "out")
    lock.release()
    FolderLock(tmp_path / "out").release()
    assert list((tmp_path / "out").iterdir()) == []


def test_a_killed_process_holds_nothing(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    with pytest.raises(DataError, match=f"process {process.pid} "):
        FolderLock(tmp_path)
    process.kill()
    process.wait()
    FolderLock(tmp_path).release()


def test_processes_of_one_run_hold_it_until_the_last_has_left(tmp_path):
    first = FolderLock(tmp_path)
    with pytest.raises(DataError, match="another run is writing"):
        FolderLock.join(tmp_path)  # it is still being prepared
    first.share()
    other = FolderLock.join(tmp_path)
    first.release()
    with pytest.raises(DataError, match="another run is writing"):
        FolderLock(tmp_path)
    other.release()
    assert list(tmp_path.iterdir()) == []


def test_a_lock_whose_file_was_removed_meanwhile_is_not_held(tmp_path, monkeypatch):
    gone = FolderLock(tmp_path)
    real = fcntl.flock

    def locked_late(file, kind):
        """The holder leaves between our opening of the file and our lock."""
        monkeypatch.setattr(fcntl, "flock", real)
        gone.release()
        real(file, kind)

    monkeypatch.setattr(fcntl, "flock", locked_late)
    lock = FolderLock(tmp_path)
    assert lock.path.exists()
    with pytest.raises(DataError, match="another run is writing"):
        FolderLock(tmp_path)


def test_a_file_system_without_locks_is_named(tmp_path, monkeypatch):
    def refuse(file, kind):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(DataError, match=rf"{tmp_path}: its file system .*No locks available"):
        FolderLock(tmp_path)
