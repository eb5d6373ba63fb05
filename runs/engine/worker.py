"""A worker: an incarnation that holds leases, and the execution of one leased run."""

import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import DatabaseError, connection

from runs import errors, journal, states
from runs.engine import boundaries, recovery, saga, subjects, workflows
from runs.engine.context import Context
from runs.engine.history import History
from runs.journal import Entry
from runs.models import Event, Run
from runs.states import RunStatus
from tenants import scoping
from tenants.keys import uuid7

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    tenant: uuid.UUID
    run: uuid.UUID
    epoch: int


class Incarnation:
    """This process as a holder of leases. All its runs hang on one row that it keeps alive."""

    def __init__(self, *, lease_s: float | None = None) -> None:
        self.id = uuid7()
        self.lease_s = lease_s or settings.HOLDPOINT_LEASE_SECONDS
        self._deadline = 0.0  # monotonic time until which our leases certainly stand
        self._swept: float | None = None  # monotonic time of this process's last finished sweep
        self._abandoned: list[Lease] = []
        self._lock = threading.Lock()

    def beat(self) -> None:
        """Say that we live, for another lease. Raises `LeaseLost` when our row was declared dead and removed."""
        began = time.monotonic()
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO runs_worker (id, host, pid, workflows, started_at, alive_until, swept_at)"
                " VALUES (%s, %s, %s, %s::jsonb, clock_timestamp(), clock_timestamp() + make_interval(secs => %s),"
                " clock_timestamp() - make_interval(secs => %s))"
                " ON CONFLICT (id) DO UPDATE SET alive_until = excluded.alive_until,"
                " swept_at = coalesce(excluded.swept_at, runs_worker.swept_at)",
                [self.id, socket.gethostname(), os.getpid(), _versions(), self.lease_s, self._since_sweep(began)],
            )
        self._deadline = began + self.lease_s
        self._retake()

    def swept(self) -> None:
        """This process has just looked for what is due; the next beat says so."""
        self._swept = time.monotonic()

    def _since_sweep(self, now: float) -> float | None:
        return now - self._swept if self._swept is not None else None

    def check(self) -> None:
        """Raise `LeaseLost` when our leases may have ended: asked before every send and every step."""
        if time.monotonic() >= self._deadline:
            raise errors.LeaseLost("the heartbeat is late; another worker may hold the run")

    def stop(self) -> None:
        """End our leases now, so that others need not wait for them to run out."""
        self._deadline = 0.0
        with connection.cursor() as cursor:
            cursor.execute("UPDATE runs_worker SET alive_until = clock_timestamp() WHERE id = %s", [self.id])

    def claim_ready(self, limit: int, tenants: Sequence[uuid.UUID] | None = None) -> list[Lease]:
        """Lease up to `limit` ready runs, by priority and age."""
        with connection.cursor() as cursor:
            only = list(tenants) if tenants is not None else None
            cursor.execute(
                "SELECT tenant_id, run_id, epoch FROM claim_ready_v1(%s, %s, %s::uuid[])", [self.id, limit, only]
            )
            return [Lease(tenant=t, run=r, epoch=e) for t, r, e in cursor.fetchall()]

    def execute(self, lease: Lease) -> None:
        """Work on one leased run until it parks or ends. Never raises: the journal and the log tell."""
        try:
            boundaries.reached("run.leased", lease.run)
            _execute(self, lease)
        except errors.LeaseLost as lost:
            log.warning("stopped working on a run", extra={"run": lease.run, "why": lost})
            self._abandon(lease)
        except errors.Suspend:
            log.info("the run is parked", extra={"tenant": lease.tenant, "run": lease.run, "epoch": lease.epoch})
        except DatabaseError:
            log.exception("the database failed under a run", extra={"tenant": lease.tenant, "run": lease.run})
            connection.close()
            self._abandon(lease)
        except Exception:
            log.exception("the engine failed under a run", extra={"tenant": lease.tenant, "run": lease.run})
            self._abandon(lease)

    def _abandon(self, lease: Lease) -> None:
        """We live, but not for this run: give it up at the next beat, with whatever it had claimed as unknown."""
        with self._lock:
            self._abandoned.append(lease)

    def _retake(self) -> None:
        with self._lock:
            given_up, self._abandoned = self._abandoned, []
        for lease in given_up:
            try:
                recovery.take_over(lease.tenant, lease.run, lease.epoch)
            except Exception:  # while we live nobody else takes it over: try again at the next beat
                log.exception("a lease could not be given up", extra={"tenant": lease.tenant, "run": lease.run})
                connection.close()
                self._abandon(lease)


def _execute(worker: Incarnation, lease: Lease) -> None:
    with scoping.tenant(lease.tenant):
        run = Run.objects.select_related("workflow", "release").get(tenant_id=lease.tenant, pk=lease.run)
        if run.lease_epoch != lease.epoch:
            raise errors.LeaseLost(f"run {run.pk} was taken over")
        events = journal.lineage(run)
    try:
        if states.stops(run):
            raise errors.StopRequested(f"run {run.pk}")
        _go_on(worker, lease, run, events)
    except errors.StopRequested:
        recovery.stop(lease.tenant, lease.run, lease.epoch)
    except errors.StepFailed as error:
        told = {"code": error.error.get("code", error.code), "message": error.message, "path": error.path}
        _stand(lease, "run.paused", RunStatus.PAUSED, told)
    except errors.ActionRefused as error:
        told = {"code": error.code, "message": error.message, "path": error.path}
        _stand(lease, "run.paused", RunStatus.PAUSED, told)
    except errors.Nondeterministic as error:
        _stand(lease, "run.blocked", RunStatus.BLOCKED, {"code": error.code, "message": error.message, "path": ""})
    except DatabaseError:
        raise
    except Exception as error:  # the workflow's own code: a person looks, nothing is thrown away
        log.exception("a workflow crashed", extra={"tenant": lease.tenant, "run": lease.run})
        message = error.message if isinstance(error, errors.HoldpointError) else f"{type(error).__name__}: {error}"
        told = {"code": "workflow_error", "message": message[:500], "path": ""}
        _stand(lease, "run.paused", RunStatus.PAUSED, told)


def _go_on(worker: Incarnation, lease: Lease, run: Run, events: list[Event]) -> None:
    if run.direction == "undo":
        saga.undo(run, lease.epoch, events, worker.check)
        return
    definition = workflows.find(run.workflow.name, run.workflow_version)
    if definition is None:
        message = f"No worker has version {run.workflow_version} of {run.workflow.name}. Start one that has it."
        _stand(lease, "run.blocked", RunStatus.BLOCKED, {"code": "no_version", "message": message, "path": ""})
        return
    history = History(events)
    if definition.exclusive:
        subjects.take(run, lease.epoch, history)
    context = Context(run=run, epoch=lease.epoch, history=history, check_lease=worker.check)
    result = definition.run(context, definition.input.model_validate(run.input))
    done = Entry(
        kind="run.done",
        body={"result": result},
        status=RunStatus.DONE,
        ready=journal.NEVER,
        release=True,
        run={"result": result, "error": None, "failed_path": ""},
    )
    with scoping.tenant(run.tenant_id, durable=True):
        journal.append(run.pk, done, epoch=lease.epoch)
    boundaries.reached("run.done", run.pk)


def _stand(lease: Lease, kind: str, status: str, told: dict) -> None:
    entry = Entry(
        kind=kind,
        body={"error": told},
        status=status,
        ready=journal.NEVER,
        release=True,
        run={"error": told, "failed_path": told["path"]},
    )
    with scoping.tenant(lease.tenant, durable=True):
        journal.append(lease.run, entry, epoch=lease.epoch)


def _versions() -> str:
    pairs = (f'"{name}": {versions}' for name, versions in workflows.known().items())
    return "{" + ", ".join(pairs) + "}"
