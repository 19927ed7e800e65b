"""Tables of the performance database."""

import sqlite3

SCHEMA_VERSION = 2
"""Kept in SQLite's `user_version`; a file of another one is refused."""

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
