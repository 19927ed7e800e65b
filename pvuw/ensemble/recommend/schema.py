"""Tables of the performance database, and how an older file is brought up to date."""

import sqlite3
from collections.abc import Callable

SCHEMA_VERSION = 2
"""Kept in SQLite's `user_version`. 1: one row per video. 2: objects and windows, agreement."""

_TABLES = """
CREATE TABLE scores (
    member TEXT NOT NULL,
    data_set TEXT NOT NULL,
    protocol TEXT NOT NULL,
    video TEXT NOT NULL,
    level TEXT NOT NULL CHECK (level IN ('video', 'object', 'frame')),
    part INTEGER NOT NULL,
    frames INTEGER NOT NULL,
    j REAL NOT NULL CHECK (j BETWEEN 0 AND 1),
    f REAL NOT NULL CHECK (f BETWEEN 0 AND 1),
    agreement REAL,
    consensus REAL,
    features TEXT NOT NULL,
    feature_version INTEGER NOT NULL,
    PRIMARY KEY (member, data_set, protocol, video, level, part)
) WITHOUT ROWID
"""


def create(connection: sqlite3.Connection) -> None:
    """Make the tables in an empty database, within the caller's transaction."""
    connection.execute(_TABLES)


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Bring the tables from an older version to this one, within the caller's transaction."""
    for step in range(version, SCHEMA_VERSION):
        _STEPS[step](connection)


def _from_1(connection: sqlite3.Connection) -> None:
    """Keep the rows of whole videos; they have no agreement, and all were scored as MOSE v1."""
    connection.execute("ALTER TABLE scores RENAME TO scores_1")
    create(connection)
    connection.execute(
        "INSERT INTO scores SELECT member, data_set, 'mose', video, 'video', 0, frames, j, f, "
        "NULL, NULL, features, feature_version FROM scores_1"
    )
    connection.execute("DROP TABLE scores_1")


_STEPS: dict[int, Callable[[sqlite3.Connection], None]] = {1: _from_1}
