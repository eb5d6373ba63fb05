"""What a program of the outside world has written down: one SQLite file, committed to disk before anybody is answered."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


class Record:
    """One file under `folder`. Used from the event loop's thread only; another process may hold the same file open."""

    def __init__(self, folder: Path, name: str, schema: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(folder / f"{name}.sqlite3", timeout=10, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode = WAL")
        # FULL syncs the log at each commit, so an answer is never ahead of the disk. NORMAL would sync at checkpoints.
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(schema)

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """A transaction that holds the write lock from its first statement: what it reads cannot change under it.

        It is on disk when the block ends; an exception undoes all of it. Waits up to 10 s for another process.
        """
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield self._db
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        return [dict(row) for row in self._db.execute(query, values)]


def now() -> str:
    """UTC, ISO 8601 with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
