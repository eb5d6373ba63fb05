"""What a program that only answers questions writes down: who was asked about, how often, and how often it answered."""

from typing import Any

from config.world.record import Record, now

SCHEMA = """
CREATE TABLE IF NOT EXISTS asked (
    domain TEXT PRIMARY KEY, received INTEGER NOT NULL, answered INTEGER NOT NULL, received_at TEXT NOT NULL
);
"""
LONGEST = 253


class Questions:
    def __init__(self, record: Record) -> None:
        self._record = record

    def note(self, domain: str, *, answered: bool) -> None:
        """One question came. On disk before anybody is answered; `answered` is False when a fault stands before the answer."""
        with self._record.change() as db:
            db.execute(
                "INSERT INTO asked VALUES (?, 1, ?, ?)"
                " ON CONFLICT (domain) DO UPDATE SET received = received + 1, answered = answered + excluded.answered",
                (domain[:LONGEST], int(answered), now()),
            )

    def entries(self) -> list[dict[str, Any]]:
        """First asked first."""
        return self._record.rows("SELECT domain AS asked, received, answered, received_at FROM asked ORDER BY rowid")
