"""What goes on without anybody asking: timers fire, requests expire, and runs of dead workers are taken over."""

import logging
import time
import uuid
from collections.abc import Sequence

from django.db import connection, transaction

from runs import errors, gates, journal
from runs.engine import actions, sending, waiting
from runs.journal import Entry
from runs.models import Action, Event, Wait
from runs.states import ACTION_OPEN, ACTION_SENT, ActionStatus, RunStatus, WaitKind
from tenants import scoping

log = logging.getLogger(__name__)
BATCH = 200
MONTHS_AHEAD = 3
PARTITIONS_EVERY_S = 3600.0
_next_look = {"partitions": 0.0}  # monotonic, of this process


def sweep(tenants: Sequence[uuid.UUID] | None = None) -> int:
    """One look at all that is due; returns how much was done. Several sweepers at once are harmless."""
    only = list(tenants) if tenants is not None else None
    if time.monotonic() >= _next_look["partitions"]:
        _next_look["partitions"] = time.monotonic() + PARTITIONS_EVERY_S
        _guarded(make_partitions)
    return _sweep_waits(only) + _sweep_leases(only)


def make_partitions(months_ahead: int = MONTHS_AHEAD) -> int:
    """Partitions of the journal for this month and the next ones; how many were missing. Gives up when it must wait."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '2s'")
        cursor.execute("SELECT ensure_partitions_v1(current_date, %s)", [months_ahead])
        return cursor.fetchone()[0]


def _sweep_waits(only: list[uuid.UUID] | None) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id, wait_id FROM due_waits_v1(%s, %s::uuid[])", [BATCH, only])
        due = cursor.fetchall()
    return sum(_guarded(_end_wait, tenant, wait) for tenant, wait in due)


def _end_wait(tenant: uuid.UUID, wait_id: uuid.UUID) -> bool:
    with scoping.tenant(tenant, durable=True):
        row = Wait.objects.get(tenant_id=tenant, pk=wait_id)
        if row.kind != WaitKind.APPROVAL:
            return waiting.resolve(row, how="due", value=None)
        action = actions.lock(row.key)
        return gates.gate().expire(action)


def _sweep_leases(only: list[uuid.UUID] | None) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id, run_id, epoch FROM lost_leases_v1(%s, %s::uuid[])", [BATCH, only])
        lost = cursor.fetchall()
    return sum(_guarded(take_over, tenant, run, epoch) for tenant, run, epoch in lost)


def take_over(tenant: uuid.UUID, run_id: uuid.UUID, epoch: int) -> bool:
    """End the lease `epoch` of a worker that is gone. What it had claimed without a receipt is an unknown outcome."""
    with scoping.tenant(tenant, durable=True):
        run = actions.lock_unfinished(run_id)
        if run is None or run.lease_epoch != epoch or run.lease_worker_id is None:
            return False
        claimed = list(Action.objects.filter(tenant_id=tenant, run_id=run_id, status=ActionStatus.CLAIMED))
        for action in claimed:
            sending.mark_unknown(action, "The worker was lost after the claim, and no receipt was kept.")
        if not claimed:
            status = RunStatus.COMPENSATING if run.direction == "undo" else RunStatus.QUEUED
            body = {"worker": str(run.lease_worker_id), "epoch": epoch}
            lost = Entry(
                kind="run.lease_lost", body=body, status=status, ready=journal.NOW, release=True, fence_off=True
            )
            journal.append(run_id, lost)
    log.warning("a lease was lost", extra={"tenant": tenant, "run": run_id, "epoch": epoch, "unknown": len(claimed)})
    return True


def stop(tenant: uuid.UUID, run_id: uuid.UUID, epoch: int) -> None:
    """End a run that was asked to stop, under its lease `epoch`. What it still asked people for is closed."""
    with scoping.tenant(tenant, durable=True):
        run = actions.lock_unfinished(run_id)
        unfinished = list(Action.objects.filter(tenant_id=tenant, run_id=run_id, status__in=ACTION_OPEN | ACTION_SENT))
        if run is None or any(action.status in ACTION_SENT for action in unfinished):
            raise errors.LeaseLost(f"run {run_id}: an action is still being executed")
        asked = (
            Event.objects.filter(tenant_id=tenant, run_id=run_id, kind="run.stop_requested").order_by("-seq").first()
        )
        for action in unfinished:
            gates.gate().lock(action)
            gates.gate().close(action, "cancelled")
            actions.deny(action, code="cancelled", reason="The run was asked to stop.", wake=False)
        ended = Entry(
            kind="run.cancelled",
            body=asked.body if asked else {},
            status=RunStatus.CANCELLED,
            ready=journal.NEVER,
            release=True,
            fence_off=True,
            about="approval" if unfinished else "run",
        )
        journal.append(run_id, ended, epoch=epoch)


def _guarded(work, *ids) -> int:  # type: ignore[no-untyped-def]
    """One bad row must not keep the sweep from the others; it is looked at again next time."""
    try:
        return int(bool(work(*ids)))
    except (Exception, errors.LeaseLost):
        log.exception("the sweep could not finish one item", extra={"ids": ids})
        return 0
