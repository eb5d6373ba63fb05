"""The ledger's book: which posts came, and which of them moved money. One transaction per post.

`posts` has one row per idempotency key and counts what arrived, also what was refused or met a fault. `moves` has one row per
movement of money, unique per key; `executions` of a key is the number of its rows there, never a counter of its own. Only a
forgetful ledger writes a second row for a key, so that a checker of "at most once" can be shown to be able to fail.
"""

import json
import secrets
import sqlite3
from dataclasses import dataclass
from typing import Any

from config.world import catalogue
from config.world.record import Record, now

SCHEMA = """
CREATE TABLE IF NOT EXISTS posts (
    key TEXT PRIMARY KEY, kind TEXT NOT NULL, body TEXT NOT NULL, received INTEGER NOT NULL, received_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS moves (
    key TEXT NOT NULL, occurrence INTEGER NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL, id TEXT NOT NULL UNIQUE,
    order_number TEXT NOT NULL, refund TEXT NOT NULL, amount_minor INTEGER NOT NULL, answer TEXT NOT NULL,
    moved_at TEXT NOT NULL, PRIMARY KEY (key, occurrence)
);
CREATE INDEX IF NOT EXISTS moves_of_an_order ON moves (order_number);
CREATE INDEX IF NOT EXISTS moves_of_a_refund ON moves (refund);
"""
REFUND, REVERSAL = "refund", "reversal"


class Refused(Exception):
    """The post asks for what the ledger does not do. Nothing moved. Its text is the error code of the answer."""

    def __init__(self, code: str, **more: str) -> None:
        super().__init__(code)
        self.answer = {"error": code, **more}


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    kind: str  # REFUND or REVERSAL
    key: str
    body: dict[str, Any]  # the JSON object as it came

    @property
    def text(self) -> str:
        """The same object gives the same text, whatever the order of its names and its white space."""
        return json.dumps(self.body, sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    id: str
    order: str
    refund: str  # the id of the refund that is made or taken back
    amount_minor: int
    answer: dict[str, Any]


class Book:
    def __init__(self, record: Record) -> None:
        self._record = record

    def note(self, post: Post) -> None:
        """Count a post with which nothing will be done."""
        with self._record.change() as db:
            _count(db, post)

    def execute(self, post: Post, *, forgetful: bool = False) -> tuple[int, dict[str, Any]]:
        """Status and body: 201 moved, 200 had been moved by this key, 422 refused. On disk when it returns."""
        with self._record.change() as db:
            _count(db, post)
            done = db.execute(
                "SELECT kind, body, answer FROM moves WHERE key = ? AND occurrence = 1", (post.key,)
            ).fetchone()
            if done and (done["kind"], done["body"]) != (post.kind, post.text):
                return 422, {"error": "key_reused"}
            if done and not forgetful:
                return 200, json.loads(done["answer"])
            try:
                move = (
                    _refund(db, post, again=bool(done))
                    if post.kind == REFUND
                    else _reversal(db, post, again=bool(done))
                )
            except Refused as refused:
                return 422, refused.answer
            _write(db, post, move)
            return 201, move.answer

    def effect(self, key: str) -> dict[str, Any] | None:
        """The receipt of the movement that `key` caused, or None."""
        rows = self._record.rows("SELECT answer FROM moves WHERE key = ? AND occurrence = 1", key)
        return json.loads(rows[0]["answer"]) if rows else None

    def balance(self, number: str) -> dict[str, Any] | None:
        """What was paid, paid back and is left of an order; None when there is no such order."""
        order = catalogue.find(number)
        if order is None:
            return None
        rows = self._record.rows(_REFUNDED, number)
        refunded = rows[0]["refunded_minor"]
        return {
            "order": number,
            "paid_minor": order["total_minor"],
            "refunded_minor": refunded,
            "left_minor": order["total_minor"] - refunded,
            "currency": order["currency"],
        }

    def entries(self) -> list[dict[str, Any]]:
        rows = self._record.rows(
            "SELECT key, kind, body, received, (SELECT count(*) FROM moves WHERE moves.key = posts.key) AS executions,"
            " received_at FROM posts ORDER BY posts.rowid"
        )
        return [{**row, "body": json.loads(row["body"])} for row in rows]


_REFUNDED = """
SELECT coalesce(sum(CASE kind WHEN 'refund' THEN amount_minor ELSE -amount_minor END), 0) AS refunded_minor
FROM moves WHERE order_number = ?
"""


def _count(db: sqlite3.Connection, post: Post) -> None:
    """A key belongs to the first body that moved money; until then the row shows the latest one."""
    db.execute(
        "INSERT INTO posts VALUES (?, ?, ?, 1, ?) ON CONFLICT (key) DO UPDATE SET received = received + 1",
        (post.key, post.kind, post.text, now()),
    )
    db.execute(
        "UPDATE posts SET kind = ?, body = ? WHERE key = ? AND NOT EXISTS (SELECT 1 FROM moves WHERE moves.key = posts.key)",
        (post.kind, post.text, post.key),
    )


def _refund(db: sqlite3.Connection, post: Post, *, again: bool) -> Move:
    number, currency, amount = _text(post, "order"), _text(post, "currency"), _amount(post)
    _text(post, "reason")
    order = catalogue.find(number)
    if order is None:
        raise Refused("no_such_order")
    if currency != order["currency"]:
        raise Refused("wrong_currency", currency=order["currency"])
    refunded = db.execute(_REFUNDED, (number,)).fetchone()["refunded_minor"]
    if amount > order["total_minor"] - refunded and not again:
        raise Refused("exceeds_balance")
    refund = "rf_" + secrets.token_hex(10)
    answer = {
        "refund": refund,
        "order": number,
        "amount_minor": amount,
        "currency": currency,
        "status": "paid",
        "key": post.key,
    }
    return Move(id=refund, order=number, refund=refund, amount_minor=amount, answer=answer)


def _reversal(db: sqlite3.Connection, post: Post, *, again: bool) -> Move:
    refund = _text(post, "refund")
    _text(post, "reason")
    made = db.execute(
        "SELECT order_number, amount_minor, answer FROM moves WHERE id = ? AND kind = 'refund'", (refund,)
    ).fetchone()
    if made is None:
        raise Refused("no_such_refund")
    if db.execute("SELECT 1 FROM moves WHERE refund = ? AND kind = 'reversal'", (refund,)).fetchone() and not again:
        raise Refused("already_reversed")
    reversal, amount = "rv_" + secrets.token_hex(10), made["amount_minor"]
    currency = json.loads(made["answer"])["currency"]
    answer = {
        "reversal": reversal,
        "refund": refund,
        "amount_minor": amount,
        "currency": currency,
        "status": "reversed",
        "key": post.key,
    }
    return Move(id=reversal, order=made["order_number"], refund=refund, amount_minor=amount, answer=answer)


def _write(db: sqlite3.Connection, post: Post, move: Move) -> None:
    occurrence = db.execute("SELECT count(*) + 1 FROM moves WHERE key = ?", (post.key,)).fetchone()[0]
    answer = json.dumps(move.answer)
    db.execute(
        "INSERT INTO moves VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            post.key,
            occurrence,
            post.kind,
            post.text,
            move.id,
            move.order,
            move.refund,
            move.amount_minor,
            answer,
            now(),
        ),
    )


def _text(post: Post, name: str) -> str:
    value = post.body.get(name)
    if not isinstance(value, str) or not value:
        raise Refused("invalid", field=name)
    return value


def _amount(post: Post) -> int:
    value = post.body.get("amount_minor")
    if type(value) is not int or value < 1:
        raise Refused("invalid", field="amount_minor")
    return value
