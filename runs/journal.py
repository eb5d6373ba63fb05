"""The only writer of events. An append fences, moves the head, inserts the event and projects its step in one call."""

import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection

from runs import dispatch, errors, projection
from runs.models import Event, Run
from runs.states import RUN_FINAL
from tenants import news, scoping
from tenants.keys import uuid7

KEEP, NOW, NEVER = "keep", "now", "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One event to be, and what it changes of its run."""

    kind: str
    path: str = ""
    body: dict[str, Any] = field(default_factory=dict)
    status: str = ""  # of the run afterwards; empty leaves it
    waiting_for: str = ""
    ready: str = KEEP  # when the run wants a worker: keep, now, never, or an ISO time
    release: bool = False  # give the lease back
    fence_off: bool = False  # raise the epoch, so that whoever holds the lease can write no more
    expect: Iterable[str] | None = None  # states the run must be in
    run: dict[str, Any] = field(default_factory=dict)  # result, error, failed_path, direction, stop_requested
    about: str = "run"  # what the news is about


def append(run_id: uuid.UUID, *entries: Entry, epoch: int | None = None) -> int:
    """Write `entries` in order inside the present tenant's transaction; returns the last sequence.

    With `epoch` the write counts only while that lease stands: `LeaseLost` otherwise. An entry whose
    `expect` does not hold raises `Conflict`. Either way the caller's transaction has to roll back.
    """
    tenant = scoping.current()
    items = [_item(run_id, entry, epoch) for entry in entries]
    with connection.cursor() as cursor:
        cursor.execute("SELECT item, seq FROM append_v1(%s, %s)", [tenant, json.dumps(items)])
        written = cursor.fetchall()
    if len(written) != len(items):
        if epoch is not None:
            raise errors.LeaseLost(f"run {run_id}: epoch {epoch} no longer holds it")
        raise errors.Conflict("The run is no longer in a state that allows this. Look at it again.")
    seq = written[-1][1]
    for entry in entries:
        news.announce_on_commit(tenant=tenant, run=run_id, seq=seq, about=entry.about)
    if any(entry.ready != NEVER and (entry.ready != KEEP or entry.release) for entry in entries):
        dispatch.wake_on_commit()
    return seq


def _item(run_id: uuid.UUID, entry: Entry, epoch: int | None) -> dict[str, Any]:
    change = projection.step_change(entry.kind, entry.path, entry.body)
    step = None
    if change is not None:
        step = {
            "id": str(uuid7()),
            "kind": change.kind,
            "status": change.status,
            "attempt": change.attempt,
            "note": change.note,
            "ms": change.ms,
            "over": change.over,
        }
    item = {
        "run_id": str(run_id),
        "epoch": epoch,
        "kind": entry.kind,
        "path": entry.path,
        "body": entry.body,
        "status": entry.status or None,
        "waiting_for": entry.waiting_for,
        "ready": entry.ready,
        "release": entry.release,
        "fence_off": entry.fence_off,
        "final": entry.status in RUN_FINAL,
        "expect": None if entry.expect is None else list(entry.expect),
        "run": entry.run,
        "step": step,
    }
    return {key: value for key, value in item.items() if value is not None}


def park(run: Run, *, epoch: int, status: str, waiting_for: str, ready_in_s: float | None) -> None:
    """Give the lease back without an event: the state the journal tells has not changed.

    Whoever woke the run while it was leased set `ready_at`: of that and `ready_in_s` the earlier one counts.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE runs_run SET status = %s, waiting_for = %s, lease_worker_id = NULL,"
            " ready_at = least(ready_at, clock_timestamp() + make_interval(secs => %s::float))"
            " WHERE tenant_id = %s AND id = %s AND lease_epoch = %s AND lease_worker_id IS NOT NULL",
            [status, waiting_for, ready_in_s, run.tenant_id, run.pk, epoch],
        )


def lineage(run: Run) -> list[Event]:
    """The events that count for `run`: the prefixes of the runs it continues, oldest first, then its own.

    One query for each ancestor and one for the run.
    """
    own = list(Event.objects.filter(tenant_id=run.tenant_id, run_id=run.pk).order_by("seq"))
    if run.parent_id is None:
        return own
    parent = Run.objects.get(tenant_id=run.tenant_id, pk=run.parent_id)
    kept = run.forked_seq or 0
    return [event for event in lineage(parent) if event.run_id != parent.pk or event.seq <= kept] + own


def clock() -> datetime:
    """The database's wall clock now, not the transaction's beginning: leases, timers and expiry follow it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]
