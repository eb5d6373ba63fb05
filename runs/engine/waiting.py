"""Waits for time and for events. One row, resolved once, in the transaction of whatever ends it."""

import uuid
from datetime import timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from runs import errors, gates, journal
from runs.engine import actions
from runs.engine.history import History
from runs.journal import Entry
from runs.models import Action, Run, Signal, Wait
from runs.states import ACTION_OPEN, RUN_OPEN, RunStatus, WaitKind
from runs.tools import registry
from tenants import scoping


def wait(run: Run, epoch: int, history: History, path: str, *, kind: str, key: str, within: timedelta | None) -> Any:
    """The value that ended the wait at `path`; parks (raises `Suspend`) while there is none."""
    past = history.visit(path, ("wait.",))
    if past is not None and past.kind == "wait.resolved":
        return past.body.get("value")
    if past is None:
        history.check_complete(path)
        with scoping.tenant(run.tenant_id, durable=True):
            _open(run, epoch, path, kind, key, within)
    else:
        with scoping.tenant(run.tenant_id, durable=True):
            status = actions.waiting_status(run)
            journal.park(run, epoch=epoch, status=status, waiting_for=kind, ready_in_s=None)
    raise errors.Suspend


def _open(run: Run, epoch: int, path: str, kind: str, key: str, within: timedelta | None) -> None:
    """Open the wait and park; an event that came earlier resolves it at once, and the run is ready again."""
    _one_at_a_time(run.tenant_id, run.subject, key)
    due = journal.clock() + within if within is not None else None
    row = Wait(tenant_id=run.tenant_id, run=run, path=path, kind=kind, key=key, due_at=due)
    row.save(force_insert=True)
    body = {"of": kind, "key": key, "due": due.isoformat() if due else None, "note": key}
    opened = Entry(kind="wait.opened", path=path, body=body, status=RunStatus.WAITING, waiting_for=kind, release=True)
    early = None
    if kind == WaitKind.EVENT:
        waiting = Signal.objects.filter(tenant_id=run.tenant_id, subject=run.subject, name=key, taken_by=None)
        early = waiting.order_by("id").first()
    journal.append(run.pk, opened, epoch=epoch)
    if early is not None:
        Signal.objects.filter(tenant_id=run.tenant_id, pk=early.pk).update(taken_by=row)
        resolve(row, how="event", value=early.value)


def resolve(row: Wait, *, how: str, value: Any) -> bool:
    """End the wait once; False when somebody was faster. The run goes on. The run is locked before its wait, as everywhere."""
    run = Run.objects.select_for_update().get(tenant_id=row.tenant_id, pk=row.run_id)
    changed = Wait.objects.filter(tenant_id=row.tenant_id, pk=row.pk, resolved_at=None).update(
        resolved_at=timezone.now(), resolution={"how": how, "value": value}
    )
    if not changed or run.status not in RUN_OPEN:
        return False
    parked = run.status == RunStatus.WAITING
    entry = Entry(
        kind="wait.resolved",
        path=row.path,
        body={"of": row.kind, "key": row.key, "how": how, "value": value, "note": how},
        status=RunStatus.QUEUED if parked else "",
        ready=journal.NOW,  # also while it is leased: it is then claimed again once given back
    )
    journal.append(run.pk, entry)
    return True


def deliver(*, tenant: uuid.UUID, subject: str, name: str, key: str, value: Any) -> Signal:
    """Keep an event from outside and wake the run that waits for it, if one does. The same key counts once."""
    _one_at_a_time(tenant, subject, name)
    known = Signal.objects.filter(tenant_id=tenant, key=key).first()
    if known is not None:
        return known
    signal = Signal(tenant_id=tenant, subject=subject, name=name, key=key, value=value)
    signal.save(force_insert=True)
    _close_stale(tenant, subject, name)
    waiting = Wait.objects.filter(tenant_id=tenant, kind=WaitKind.EVENT, key=name, resolved_at=None)
    for row in waiting.filter(run__subject=subject, run__status__in=RUN_OPEN).order_by("id"):
        if resolve(row, how="event", value=value):
            Signal.objects.filter(tenant_id=tenant, pk=signal.pk).update(taken_by=row)
            break
    return signal


def _close_stale(tenant: uuid.UUID, subject: str, name: str) -> None:
    """What was asked for before this event came, and not sent, was asked without knowing of it: it is closed."""
    unsent = Action.objects.filter(tenant_id=tenant, run__subject=subject, status__in=ACTION_OPEN).order_by("id")
    for action in list(unsent):
        if name not in registry.get(action.tool).stale_on:
            continue
        locked = actions.lock(action.pk)
        if locked.status in ACTION_OPEN:
            gates.gate().lock(locked)
            gates.gate().close(locked, "stale")
            why = f"Something came from them ({name.replace('_', ' ')}) after this was asked for."
            actions.deny(locked, code="stale", reason=why)


def _one_at_a_time(tenant: uuid.UUID, subject: str, name: str) -> None:
    """An event and the wait for it must see each other: whoever comes second sees what the first committed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 7))", [f"{tenant} {subject} {name}"])
