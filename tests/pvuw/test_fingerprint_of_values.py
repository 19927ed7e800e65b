import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from pvuw.fingerprint import fingerprint


@dataclass(frozen=True)
class Store:
    folder: Path
    names: tuple


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "v" / "sub").mkdir(parents=True)
    (tmp_path / "v" / "a.png").write_bytes(b"one")
    (tmp_path / "v" / "sub" / "b.png").write_bytes(b"two")
    return tmp_path / "v"


def of(folder):
    return fingerprint("masks", Store(folder, ("a.png",)))


def touch(path):
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1000))


CHANGES = {
    "content": lambda folder: (folder / "a.png").write_bytes(b"other"),
    "time": lambda folder: touch(folder / "a.png"),
    "below": lambda folder: touch(folder / "sub" / "b.png"),
    "more": lambda folder: (folder / "c.png").write_bytes(b""),
    "fewer": lambda folder: (folder / "a.png").unlink(),
    "renamed": lambda folder: (folder / "a.png").rename(folder / "z.png"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_any_change_of_a_file_changes_it(folder, change):
    before = of(folder)
    assert of(folder) == before
    change(folder)
    assert of(folder) != before


def test_a_moved_folder_stays_known(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "moved" / "v")  # copytree keeps the times
    assert of(tmp_path / "moved" / "v") == of(folder)


def test_values_and_their_order_matter():
    assert fingerprint((1, 2)) != fingerprint((2, 1))
    assert fingerprint("ab", "c") != fingerprint("a", "bc")
    assert fingerprint((1,), 2) != fingerprint((1, 2))
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    assert fingerprint(frozenset("xyz")) == fingerprint(frozenset("zyx"))


def test_values_that_hide_changes_are_refused():
    with pytest.raises(TypeError, match="ndarray"):
        fingerprint(np.zeros(3))


def test_missing_file_has_a_fingerprint_too(tmp_path):
    assert fingerprint(tmp_path / "gone") != fingerprint(tmp_path / "also gone")
