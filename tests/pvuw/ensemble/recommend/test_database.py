import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from pvuw.ensemble.recommend.database import PerformanceDatabase
from pvuw.ensemble.recommend.schema import SCHEMA_VERSION
from pvuw.errors import DataError
from tests.pvuw.ensemble.rows import features, row

SPAWN = multiprocessing.get_context("spawn")
KILLED = """
import sys
from pathlib import Path
from pvuw.ensemble.recommend.database import PerformanceDatabase
from tests.pvuw.ensemble.rows import row

database = PerformanceDatabase(Path(sys.argv[1]))
number = 0
while True:
    parts = range(200)
    database.record([row(video_id=f"v{number % 7}", level="object", part=p, jf=number % 100 / 100)
                     for p in parts])
    print("recorded", flush=True)
    number += 1
"""


def record_many(path, member):
    with PerformanceDatabase(path) as database:
        for number in range(15):
            database.record([row(member, f"v{number}"), row(member, f"v{number}", level="object")])


def test_rows_come_back_as_they_went_in(tmp_path):
    rows = [
        row("cutie", "a", jf=0.25, agreement=0.5, consensus=0.75, features=features(small=0.125)),
        row("cutie", "a", level="object", part=7),
        row("xmem", "a", level="frame", part=8, protocol="mosev2"),
    ]
    with PerformanceDatabase(tmp_path / "new" / "p.db") as database:
        database.record(rows[::-1])
    with PerformanceDatabase(tmp_path / "new" / "p.db") as database:
        assert database.rows() == [rows[1], rows[0], rows[2]]  # by member, video, level
        assert database.rows(level="video") == rows[:1]
        assert database.rows(protocol="mosev2") == rows[2:]
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["p.db"]


def test_a_video_recorded_again_replaces_all_of_it(tmp_path):
    with PerformanceDatabase(tmp_path / "p.db") as database:
        database.record([row(jf=0.1), row(level="object", part=3), row("cutie")])
        database.record([row(jf=0.9)])
        assert database.rows() == [row("cutie"), row(jf=0.9)]


def test_a_record_that_fails_leaves_what_was_there(tmp_path, monkeypatch):
    with PerformanceDatabase(tmp_path / "p.db") as database:
        database.record([row(jf=0.1)])
        with pytest.raises(ValueError, match="2 rows are about 1 things"):
            database.record([row(jf=0.9), row(jf=0.9)])
        monkeypatch.setattr("pvuw.ensemble.recommend.database.FEATURE_VERSION", None)
        with pytest.raises(DataError, match="NOT NULL"):  # after the older row was deleted
            database.record([row(jf=0.9)])
        monkeypatch.undo()
        assert database.rows() == [row(jf=0.1)]


def test_writers_take_turns(tmp_path):
    workers = [SPAWN.Process(target=record_many, args=(tmp_path / "p.db", m)) for m in "abc"]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    with PerformanceDatabase(tmp_path / "p.db") as database:
        assert len(database.rows()) == 3 * 15 * 2


def test_a_kill_in_mid_write_leaves_whole_records(tmp_path):
    path = tmp_path / "p.db"
    for patience in (0.0, 0.003, 0.008):
        command = [sys.executable, "-c", KILLED, str(path)]
        root = os.environ.get("PYTHONPATH", "")
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([*sys.path, root])}
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as writer:
            assert writer.stdout is not None
            for _ in range(8):
                assert writer.stdout.readline() == b"recorded\n"
            time.sleep(patience)
            writer.send_signal(signal.SIGKILL)
        with PerformanceDatabase(path) as database:
            by_video = {}
            for one in database.rows():
                by_video.setdefault(one.video_id, []).append(one.j)
            assert len(by_video) == 7
            assert all(len(js) == 200 and len(set(js)) == 1 for js in by_video.values())
    assert sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_half_written_transaction_is_rolled_back(tmp_path):
    """The rollback journal of a killed writer is found by the next one."""
    path = tmp_path / "p.db"
    with PerformanceDatabase(path) as database:
        database.record([row(jf=0.1)])
    code = (
        "import os, sqlite3, sys\n"
        "c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "c.execute('PRAGMA cache_size=1'); c.execute('BEGIN IMMEDIATE')\n"
        "c.execute('UPDATE scores SET j=0.9')\n"
        "c.executemany('INSERT INTO scores SELECT member,data_set,protocol,?,level,part,frames,j,f,"
        "agreement,consensus,features,feature_version FROM scores LIMIT 1', "
        "[(str(n),) for n in range(3000)])\n"
        "assert os.path.getsize(sys.argv[1]) > 200_000\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert (tmp_path / "p.db-journal").stat().st_size > 0
    with PerformanceDatabase(path) as database:
        assert database.rows() == [row(jf=0.1)]


def test_rows_of_other_features_are_counted_and_left_out(tmp_path):
    with PerformanceDatabase(tmp_path / "p.db") as database:
        database.record([row("a"), row("b")])
    connection = sqlite3.connect(tmp_path / "p.db")
    connection.execute("UPDATE scores SET feature_version=0 WHERE member='a'")
    connection.commit()
    with PerformanceDatabase(tmp_path / "p.db") as database:
        assert database.rows() == [row("b")]
        assert database.num_outdated() == 1


def test_unusable_files_are_named(tmp_path):
    text, other, newer = tmp_path / "text", tmp_path / "other", tmp_path / "newer"
    text.write_text("no database " * 100)
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE films (name TEXT)")
    connection.close()
    connection = sqlite3.connect(newer)
    connection.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    connection.close()
    with pytest.raises(DataError, match=r"text: not a usable performance database \(file is not"):
        PerformanceDatabase(text)
    with pytest.raises(DataError, match=r"other: a database of something else; give another file"):
        PerformanceDatabase(other)
    with pytest.raises(DataError, match=r"newer: written by another pvuw \(schema 3, this one"):
        PerformanceDatabase(newer)
    with pytest.raises(DataError, match=r"check rights and room"):
        PerformanceDatabase(tmp_path)


@pytest.mark.parametrize("jf", [-0.1, 1.1, float("nan")])
def test_impossible_scores_are_refused(jf):
    with pytest.raises(ValueError, match=r"must be in 0\.\.1"):
        row(jf=jf)
