"""How the machinery stands: workers, queue, sweep, database, dispatch. Reads only; counts are those of one tenant."""

import platform
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Any

from amqp.exceptions import AMQPError
from celery import current_app
from django.conf import settings
from django.db import connection
from django.db.models import Count, Min
from django.template.defaultfilters import filesizeformat
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from runs.models import Run, Wait, Worker
from runs.states import RUN_OPEN, RunStatus, WaitKind
from tenants import scoping
from tenants.permissions import Actor
from tenants.templatetags.marks import span

DELAYED_S = 10.0  # a ready run that nobody took for so long is told on every page
UNRESUMED_S = 5.0
SWEEP_LATE_S = 15.0
GONE_SHOWN = timedelta(hours=24)
MOST_WORKERS = 50
MONTHS_WANTED = 2
WELL, LATE, AWAY, PLAIN = "done", "paused", "failed", "cancelled"  # colours of a check


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What every page says of the machinery."""

    workers: int
    waited_s: float  # how long the oldest ready run of this tenant has waited
    open_runs: int
    unknown: int  # actions whose outcome nobody knows

    @property
    def away(self) -> bool:
        return self.workers == 0

    @property
    def delayed(self) -> str:
        """For how long, in words; empty when nothing waits for long."""
        return span(timedelta(seconds=self.waited_s)) if self.waited_s >= DELAYED_S and not self.away else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRow:
    worker: Worker
    alive: bool
    beat_at: datetime
    held: int  # runs of this tenant
    workflows: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRow:
    """Ready runs of one workflow and version; `able` unless workers live and none of them has that version."""

    workflow: str
    version: int
    ready: int
    oldest: datetime | None
    able: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One part of the machinery: how it is in a word, what is known, and what to do when it is not well."""

    name: str
    state: str
    word: str
    facts: tuple[tuple[str, Any], ...]
    todo: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    checks: list[Check]
    workers: list[WorkerRow]
    queue: list[QueueRow]
    partitions: list[tuple[str, int]]  # name and bytes
    now: datetime

    @property
    def away(self) -> bool:
        return not any(row.alive for row in self.workers)

    @property
    def unwell(self) -> int:
        return sum(check.state in (LATE, AWAY) for check in self.checks)


def standing(actor: Actor) -> Standing:
    """For the bands and the badges of every page. One statement, on partial or covering indexes, by the database's clock."""
    with scoping.tenant(actor.tenant.pk), connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM runs_worker WHERE alive_until > clock_timestamp()),"
            " coalesce((SELECT extract(epoch FROM clock_timestamp() - min(ready_at)) FROM runs_run WHERE tenant_id = %(t)s"
            " AND ready_at IS NOT NULL AND ready_at <= clock_timestamp() AND lease_worker_id IS NULL), 0),"
            " (SELECT count(*) FROM runs_run WHERE tenant_id = %(t)s AND status = ANY (%(open)s)),"
            " (SELECT count(*) FROM runs_action WHERE tenant_id = %(t)s AND status = 'outcome_unknown')",
            {"t": actor.tenant.pk, "open": [status.value for status in RUN_OPEN]},
        )
        workers, waited, open_runs, unknown = cursor.fetchone()
    return Standing(workers=workers, waited_s=float(waited), open_runs=open_runs, unknown=unknown)


def system(actor: Actor, *, sockets: int) -> System:
    """The system page; `sockets` is what this web process holds. Eight queries at any size, and one look at the broker."""
    with scoping.tenant(actor.tenant.pk):
        now, server, partitions = _database()
        workers = _workers(actor, now)
        queue = _queue(actor, now, workers)
        unresumed = _unresumed(actor, now)
        overdue = Wait.objects.filter(tenant=actor.tenant, resolved_at=None, due_at__lte=now).aggregate(
            n=Count("id"), oldest=Min("due_at")
        )
    checks = [
        _check_workers(workers),
        _check_queue(queue, unresumed, now, away=not any(row.alive for row in workers)),
        _check_sweep(workers, overdue, now),
        _check_database(server, partitions, now),
        _check_dispatch(),
        Check(
            name="Sockets",
            state=WELL,
            word="Open",
            facts=(("Open in this web process", sockets), ("Others", "counted on their own process’s page")),
        ),
        Check(name="Model", state=PLAIN, word=_model(), facts=(("Set by", "HOLDPOINT_MODEL"),)),
        Check(name="Versions", state=PLAIN, word=f"Holdpoint {settings.VERSION}", facts=_versions()),
    ]
    return System(checks=checks, workers=workers, queue=queue, partitions=partitions, now=now)


def _database() -> tuple[datetime, str, list[tuple[str, int]]]:
    """The database's clock and version, and the journal's partitions with their sizes. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT clock_timestamp(), current_setting('server_version'), c.relname, pg_total_relation_size(c.oid),"
            " pg_relation_size(c.oid) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
            " WHERE i.inhparent = 'runs_event'::regclass ORDER BY c.relname"
        )
        rows = cursor.fetchall()
    # An empty partition has indexes, so the default one is measured by its rows alone.
    sizes = [(name, rows_only if name.endswith("_default") else whole) for _, _, name, whole, rows_only in rows]
    return rows[0][0], rows[0][1], sizes


def _workers(actor: Actor, now: datetime) -> list[WorkerRow]:
    found = list(Worker.objects.filter(alive_until__gt=now - GONE_SHOWN).order_by("-alive_until")[:MOST_WORKERS])
    leased = Run.objects.filter(tenant=actor.tenant, lease_worker__in=[worker.pk for worker in found])
    held: dict[uuid.UUID, int] = dict(leased.values_list("lease_worker").annotate(n=Count("id")))
    lease = timedelta(seconds=settings.HOLDPOINT_LEASE_SECONDS)
    return [
        WorkerRow(
            worker=worker,
            alive=worker.alive_until > now,
            beat_at=min(worker.alive_until - lease, now) if worker.alive_until > now else worker.alive_until,
            held=held.get(worker.pk, 0),
            workflows=[f"{name} {', '.join(map(str, known))}" for name, known in sorted(worker.workflows.items())],
        )
        for worker in found
    ]


def _queue(actor: Actor, now: datetime, workers: Sequence[WorkerRow]) -> list[QueueRow]:
    """Ready runs by workflow and version, and those that are blocked because nobody has theirs. Two queries."""
    known = {
        (name, number) for row in workers if row.alive for name, all_ in row.worker.workflows.items() for number in all_
    }
    of = ("workflow__name", "workflow__title", "workflow_version")
    mine = Run.objects.filter(tenant=actor.tenant)
    ready = (
        mine.filter(ready_at__lte=now, lease_worker=None).values(*of).annotate(n=Count("id"), oldest=Min("ready_at"))
    )
    blocked = mine.filter(status=RunStatus.BLOCKED, error__code="no_version").values(*of).annotate(n=Count("id"))
    rows = [
        QueueRow(
            workflow=row["workflow__title"],
            version=row["workflow_version"],
            ready=row["n"],
            oldest=row.get("oldest"),
            able="oldest" in row and (not known or (row["workflow__name"], row["workflow_version"]) in known),
        )
        for row in [*ready, *blocked]
    ]
    return sorted(rows, key=lambda row: (row.oldest or now, row.workflow))


def _unresumed(actor: Actor, now: datetime) -> Mapping[str, Any]:
    """Requests that are decided while their run, ready for a while, was not taken up."""
    late = now - timedelta(seconds=UNRESUMED_S)
    decided = Wait.objects.filter(tenant=actor.tenant, kind=WaitKind.APPROVAL, resolved_at__isnull=False)
    parked = decided.filter(run__ready_at__lte=late, run__lease_worker=None)
    return parked.aggregate(n=Count("run", distinct=True), oldest=Min("run__ready_at"))


def _check_workers(workers: Sequence[WorkerRow]) -> Check:
    alive = [row for row in workers if row.alive]
    facts = (("Alive", len(alive)), ("Gone in the last 24 hours", len(workers) - len(alive)))
    if alive:
        return Check(name="Workers", state=WELL, word="At work", facts=facts)
    return Check(
        name="Workers",
        state=AWAY,
        word="Away",
        facts=facts,
        todo="Start one with bin/manage worker, or bin/up. Runs wait, nothing is lost, and decisions are recorded.",
    )


def _check_queue(queue: Sequence[QueueRow], unresumed: Mapping[str, Any], now: datetime, *, away: bool) -> Check:
    ready = sum(row.ready for row in queue if row.oldest)
    oldest = min((row.oldest for row in queue if row.oldest), default=None)
    facts: tuple[tuple[str, Any], ...] = (
        ("Ready", ready),
        ("Oldest has waited", span(now - oldest) if oldest else "–"),
    )
    unable = sum(row.ready for row in queue if not row.able)
    if unresumed["n"]:
        facts += (("Decided, not resumed", unresumed["n"]), ("For", span(now - unresumed["oldest"])))
    if unable:
        facts += (("No worker has their version", unable),)
    if unresumed["n"]:
        word, todo = "Decided but not resumed", "Decisions stand and are carried out once a worker takes the runs up."
        return Check(name="Queue", state=AWAY, word=word, facts=facts, todo=f"{todo} Look at the workers first.")
    if unable:
        todo = "Start a worker whose code has the version named below. Until then these runs stand still, and lose nothing."
        return Check(name="Queue", state=AWAY, word="No worker has the version", facts=facts, todo=todo)
    if oldest and not away and (now - oldest).total_seconds() >= DELAYED_S:
        todo = "More is ready than the workers take. Start another worker, or give this one more threads."
        return Check(name="Queue", state=LATE, word="Delayed", facts=facts, todo=todo)
    if ready and away:
        todo = "Nobody takes them. They go on by themselves once a worker is back."
        return Check(name="Queue", state=LATE, word="Waits for a worker", facts=facts, todo=todo)
    return Check(name="Queue", state=WELL, word="Moving" if ready else "Empty", facts=facts)


def _check_sweep(workers: Sequence[WorkerRow], overdue: Mapping[str, Any], now: datetime) -> Check:
    """Timers, expiries and lost leases are looked for about once a second, by any worker."""
    last = max((row.worker.swept_at for row in workers if row.worker.swept_at), default=None)
    due = now - overdue["oldest"] if overdue["oldest"] else None
    facts = (
        ("Last look", f"{span(now - last)} ago" if last else "never"),
        ("Due and not done", overdue["n"]),
        ("Most overdue by", span(due) if due else "–"),
    )
    looked = last is not None and (now - last).total_seconds() < SWEEP_LATE_S
    late = due is not None and due.total_seconds() >= SWEEP_LATE_S
    if looked and not late:
        return Check(name="Sweep", state=WELL, word="On time", facts=facts)
    todo = (
        "Timers, expiries and runs of lost workers wait until a worker looks again; with Celery, check that beat runs."
    )
    return Check(name="Sweep", state=AWAY if not looked else LATE, word="Late", facts=facts, todo=todo)


def _check_database(server: str, partitions: Sequence[tuple[str, int]], now: datetime) -> Check:
    months = [name for name, _ in partitions if name > f"runs_event_{now:%Y_%m}" and not name.endswith("_default")]
    astray = sum(size for name, size in partitions if name.endswith("_default"))
    size = filesizeformat(sum(size for _, size in partitions))
    facts = (
        ("PostgreSQL", server),
        ("Journal", f"{size} in {len(partitions)} parts"),
        ("Months made ahead", len(months)),
    )
    if astray:
        todo = "Rows lie in the default partition: their month was missing. Run bin/manage migrate and read docs/operating.md."
        return Check(name="Database", state=AWAY, word="Rows outside their month", facts=facts, todo=todo)
    if len(months) < MONTHS_WANTED:
        todo = "Workers make them each hour. If none is alive, start one; else look for “partitions” in its log."
        return Check(name="Database", state=LATE, word="Few months ahead", facts=facts, todo=todo)
    return Check(name="Database", state=WELL, word="Answers", facts=facts)


def _check_dispatch() -> Check:
    if not settings.BROKER_URL:
        facts = (("Carried by", "PostgreSQL, NOTIFY"), ("Broker", "none is needed"))
        return Check(name="Dispatch", state=WELL, word="Embedded", facts=facts)
    kind = settings.BROKER_URL.partition(":")[0]
    if _broker_answers():
        return Check(name="Dispatch", state=WELL, word="Celery", facts=(("Broker", f"{kind}, reachable"),))
    return Check(
        name="Dispatch",
        state=LATE,
        word="Broker away",
        facts=(("Broker", f"{kind}, not reachable from here"),),
        todo="Start the broker. Until then workers find work by sweeping, up to a second later. Nothing is lost.",
    )


def _broker_answers() -> bool:
    """One try of at most two seconds."""
    try:
        with current_app.connection_for_write(settings.BROKER_URL, connect_timeout=2) as link:
            link.ensure_connection(max_retries=1, interval_start=0, interval_step=0, timeout=2)
    except (OperationalError, OSError, AMQPError, RedisError):
        return False
    return True


def _model() -> str:
    return getattr(settings, "HOLDPOINT_MODEL", "") or "scripted"


def _versions() -> tuple[tuple[str, str], ...]:
    names = (("Django", "django"), ("psycopg", "psycopg"), ("Celery", "celery"), ("Channels", "channels"))
    return (("Python", platform.python_version()), *((label, version(name)) for label, name in names))
