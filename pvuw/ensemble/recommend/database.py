"""How well each member did on which kind of video: one SQLite file that many may write to."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, get_args

from pvuw.ensemble.recommend.features import FEATURE_NAMES, FEATURE_VERSION, Features
from pvuw.ensemble.recommend.schema import SCHEMA_VERSION, create
from pvuw.errors import DataError

Level = Literal["video", "object", "frame"]
"""What a row is about: a video, one object of it, or a window of eight frames."""
LEVELS: tuple[Level, ...] = get_args(Level)
BUSY_SECONDS = 60.0
"""How long a writer waits for the others before it gives up."""
_COLUMNS = (
    "member, data_set, protocol, video, level, part, frames, j, f, agreement, consensus, features"
)


@dataclass(frozen=True, slots=True)
class PerformanceRow:
    """What one member scored on a video or a part of it, and what that looked like."""

    member: str
    data_set: str
    """Where the video is from; a name of the user's."""
    protocol: str
    """Rules of scoring: one of `VIDEO_PROTOCOL_NAMES`."""
    video_id: str
    level: Level
    part: int
    """0 for a video, the object's id, or the position of a window's first frame."""
    num_frames: int
    """Scored frames."""
    j: float
    f: float
    features: Features
    """Measured on the pseudo-label, as they will be when a member is to be chosen."""
    agreement: float | None = None
    """Mean IoU of the member with the pseudo-label, 0..1; None: not known."""
    consensus: float | None = None
    """Mean agreement of all members that made the pseudo-label; None: not known."""

    def __post_init__(self) -> None:
        if not (0 <= self.j <= 1 and 0 <= self.f <= 1):
            raise ValueError(f"{self.video_id}: J and F must be in 0..1, got {self.j}, {self.f}")

    @property
    def jf(self) -> float:
        """Mean of J and F."""
        return (self.j + self.f) / 2


_FIELDS = (
    *("member", "data_set", "protocol", "video_id", "level", "part"),
    *("num_frames", "j", "f", "agreement", "consensus", "features"),
)  # in the order of _COLUMNS


class PerformanceDatabase:
    """Rows in one SQLite file that is safe to copy whenever nobody has it open.

    Every record is one transaction, so a killed writer leaves all of it or nothing, and writers of
    several processes take turns. The file keeps SQLite's rollback journal and no write-ahead log:
    it then works on network folders and is a single file at rest.

    Args:
        path: The file; made if missing, brought up to date if older.

    Raises:
        DataError: If the file is no database of ours, newer than this code, or stays locked.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._explained():
            self._connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def record(self, rows: Sequence[PerformanceRow]) -> None:
        """Add rows, all or none; they replace what was known of the same members and videos.

        Args:
            rows: At best all rows of one or more videos; older rows of a video that is among them
                go, at every level.

        Raises:
            ValueError: If two rows are about the same.
            DataError: If the file cannot be written, or stays locked by another writer.
        """
        keys = {(r.member, r.data_set, r.protocol, r.video_id, r.level, r.part) for r in rows}
        if len(keys) < len(rows):
            raise ValueError(f"{len(rows)} rows are about {len(keys)} things; each needs one row")
        videos = {(row.member, row.data_set, row.protocol, row.video_id) for row in rows}
        with self._transaction() as connection:
            connection.executemany(
                "DELETE FROM scores WHERE member=? AND data_set=? AND protocol=? AND video=?",
                sorted(videos),
            )
            connection.executemany(
                f"INSERT INTO scores ({_COLUMNS}, feature_version) VALUES ({'?, ' * 12}?)",
                [(*_to_columns(row), FEATURE_VERSION) for row in rows],
            )

    def rows(
        self, *, level: Level | None = None, protocol: str | None = None
    ) -> list[PerformanceRow]:
        """Return the rows whose features this version measures, in a fixed order.

        Args:
            level: Only these; None: all.
            protocol: Only what was scored by these rules; None: all.

        Raises:
            DataError: If the file is damaged.
        """
        query = (
            f"SELECT {_COLUMNS} FROM scores WHERE feature_version=? AND (? IS NULL OR level=?) "
            "AND (? IS NULL OR protocol=?) ORDER BY member, data_set, protocol, video, level, part"
        )
        with self._explained():
            found = self._connection.execute(
                query, (FEATURE_VERSION, level, level, protocol, protocol)
            ).fetchall()
        return [self._to_row(columns) for columns in found]

    def num_outdated(self) -> int:
        """Count the rows that another version of the features was measured for."""
        with self._explained():
            query = "SELECT COUNT(*) FROM scores WHERE feature_version<>?"
            return int(self._connection.execute(query, (FEATURE_VERSION,)).fetchone()[0])

    def _prepare(self) -> None:
        """Make the tables; asked again inside the transaction, as others may be faster."""
        if self._version() == SCHEMA_VERSION:
            return
        with self._transaction() as connection:
            version = self._version()
            if version == SCHEMA_VERSION:
                return
            if version != 0:
                raise DataError(
                    f"{self.path}: written by another pvuw (schema {version}, this one reads "
                    f"{SCHEMA_VERSION}); record anew into another file"
                )
            if connection.execute("SELECT 1 FROM sqlite_master").fetchone():
                raise DataError(f"{self.path}: a database of something else; give another file")
            create(connection)
            connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")

    def _version(self) -> int:
        return int(self._connection.execute("PRAGMA user_version").fetchone()[0])

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._explained():
            # Takes the write lock at once: waiting for it later could only fail.
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise DataError(
                f"{self.path}: {error}; check rights and room, and that no other program holds it"
            ) from error
        except sqlite3.DatabaseError as error:
            raise DataError(
                f"{self.path}: not a usable performance database ({error}); give another file"
            ) from error

    def _to_row(self, columns: Sequence[Any]) -> PerformanceRow:
        fields: dict[str, Any] = dict(zip(_FIELDS, columns, strict=True))
        content = json.loads(fields["features"])
        if content.keys() != set(FEATURE_NAMES):
            raise DataError(f"{self.path}: features {sorted(content)} are not ours; record again")
        return PerformanceRow(**fields | {"features": Features(**content)})


def _to_columns(row: PerformanceRow) -> tuple[object, ...]:
    features = dict(zip(FEATURE_NAMES, row.features.vector.tolist(), strict=True))
    return (
        *(row.member, row.data_set, row.protocol, row.video_id, row.level, row.part),
        *(row.num_frames, row.j, row.f, row.agreement, row.consensus, json.dumps(features)),
    )
