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
