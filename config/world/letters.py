"""The mailbox's messages: read from the bytes that came, kept with them, and listed."""

import json
import re
import sqlite3
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from config.world.record import Record, now

SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL, message_id TEXT NOT NULL, sender TEXT NOT NULL, recipient TEXT NOT NULL,
    subject TEXT NOT NULL, text TEXT NOT NULL, headers TEXT NOT NULL, envelope TEXT NOT NULL, raw BLOB NOT NULL,
    received_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS messages_by_key ON messages (key);
CREATE INDEX IF NOT EXISTS messages_by_message_id ON messages (message_id);
CREATE TABLE IF NOT EXISTS addressed (address TEXT NOT NULL, id INTEGER NOT NULL, PRIMARY KEY (address, id));
CREATE TABLE IF NOT EXISTS hidden (address TEXT NOT NULL, id INTEGER NOT NULL, PRIMARY KEY (address, id));
"""
_LINE_END = re.compile(rb"\r\n|\r|\n")
_COLUMNS = """
SELECT id, key, message_id, sender AS "from", recipient AS "to", subject, text, headers, envelope, received_at,
       (SELECT count(*) FROM messages AS same WHERE same.key = messages.key AND messages.key != '') AS copies
FROM messages
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What a person would see of a message. Anything that cannot be read is empty; the raw bytes are kept beside it."""

    key: str  # X-Effect-Key
    message_id: str
    sender: str
    recipient: str
    subject: str
    text: str  # the first text/plain part, lines ended by \n, without blank ends
    headers: list[tuple[str, str]]  # as they came, in order


class Letters:
    def __init__(self, record: Record) -> None:
        self._record = record
        self._sizes: dict[int, int] = {}  # a message never changes, so neither does its size
        with record.change() as db:
            # Messages of a record that is older than the table of addresses.
            rows = db.execute(
                "SELECT id, envelope FROM messages WHERE id > (SELECT coalesce(max(id), 0) FROM addressed)"
            )
            for row in rows.fetchall():
                _address(db, row["id"], json.loads(row["envelope"])["to"])

    def keep(self, raw: bytes, *, envelope_from: str, envelope_to: list[str]) -> None:
        """Every message is a new row, also the same one again. On disk when this returns."""
        letter = read(raw)
        values = (
            letter.key,
            letter.message_id,
            letter.sender or envelope_from,
            letter.recipient or ", ".join(envelope_to),
            letter.subject,
            letter.text,
            json.dumps(letter.headers),
            json.dumps({"from": envelope_from, "to": envelope_to}),
            raw,
            now(),
        )
        with self._record.change() as db:
            made = db.execute(
                "INSERT INTO messages (key, message_id, sender, recipient, subject, text, headers, envelope, raw, received_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            )
            _address(db, made.lastrowid or 0, envelope_to)

    def newest(self, most: int = -1) -> list[dict[str, Any]]:
        """Newest first; all of them when `most` is left out."""
        return _shaped(self._record.rows(_COLUMNS + "ORDER BY id DESC LIMIT ?", most))

    def by_key(self, key: str) -> list[dict[str, Any]]:
        return _shaped(self._record.rows(_COLUMNS + "WHERE key = ? ORDER BY id DESC", key))

    def by_id(self, number: int) -> dict[str, Any] | None:
        found = _shaped(self._record.rows(_COLUMNS + "WHERE id = ?", number))
        return found[0] if found else None

    def by_message_id(self, message_id: str) -> dict[str, Any] | None:
        """The first one, when several messages have it."""
        found = _shaped(self._record.rows(_COLUMNS + "WHERE message_id = ? ORDER BY id LIMIT 1", message_id))
        return found[0] if found else None

    def to(self, address: str) -> list[dict[str, Any]]:
        """Newest first, by the envelope and in any case of letters, also those that a reader has deleted."""
        where = "WHERE id IN (SELECT id FROM addressed WHERE address = ?) ORDER BY id DESC"
        return _shaped(self._record.rows(_COLUMNS + where, address.lower()))

    def sizes_to(self, address: str) -> list[tuple[int, int]]:
        """(id, octets of `raw`) of the messages to `address` that it has not deleted, oldest first."""
        rows = self._record.rows(
            "SELECT id FROM addressed WHERE address = ? AND id NOT IN (SELECT id FROM hidden WHERE address = ?) ORDER BY id",
            address.lower(),
            address.lower(),
        )
        for row in rows:
            if row["id"] not in self._sizes:
                self._sizes[row["id"]] = len(self.raw(row["id"]))
        return [(row["id"], self._sizes[row["id"]]) for row in rows]

    def raw(self, number: int) -> bytes:
        """The message as it came, but with every line ended by CRLF."""
        raw = bytes(self._record.rows("SELECT raw FROM messages WHERE id = ?", number)[0]["raw"])
        lined = _LINE_END.sub(b"\r\n", raw)
        return lined if lined.endswith(b"\r\n") else lined + b"\r\n"

    def hide(self, address: str, numbers: list[int]) -> None:
        """`address` deleted them; the record keeps them."""
        if numbers:
            with self._record.change() as db:
                rows = [(address.lower(), number) for number in numbers]
                db.executemany("INSERT OR IGNORE INTO hidden VALUES (?, ?)", rows)

    def count(self) -> int:
        return self._record.rows("SELECT count(*) AS n FROM messages")[0]["n"]


def _address(db: sqlite3.Connection, number: int, envelope_to: list[str]) -> None:
    rows = [(address.lower(), number) for address in envelope_to]
    db.executemany("INSERT OR IGNORE INTO addressed VALUES (?, ?)", rows)


def _shaped(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**row, "headers": json.loads(row["headers"]), "envelope": json.loads(row["envelope"])} for row in rows]


def read(raw: bytes) -> Letter:
    message = message_from_bytes(raw, policy=policy.SMTPUTF8)
    return Letter(
        key=_header(message, "X-Effect-Key"),
        message_id=_header(message, "Message-ID"),
        sender=_header(message, "From"),
        recipient=_header(message, "To"),
        subject=_header(message, "Subject"),
        text=_text(message),
        headers=[(name, _clean(str(value))) for name, value in message.raw_items()],
    )


def _header(message: EmailMessage, name: str) -> str:
    """Decoded; the raw value when the header is too broken for the parser, which then raises one of many things."""
    try:
        return _clean(str(message.get(name, "")).strip())
    except (ValueError, LookupError, AttributeError, TypeError):
        raw = next((value for header, value in message.raw_items() if header.lower() == name.lower()), "")
        return _clean(str(raw).strip())


def _text(message: EmailMessage) -> str:
    part = message.get_body(("plain",))
    if part is None:
        return ""
    try:
        text = str(part.get_content())
    except (ValueError, LookupError, AttributeError, TypeError):
        raw = part.get_payload(decode=True)
        text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else ""
    return _clean(text).replace("\r\n", "\n").strip()


def _clean(text: str) -> str:
    """Without half surrogates, which the parser uses for undecodable bytes and no file or answer can hold."""
    return text.encode("utf-8", "replace").decode()
