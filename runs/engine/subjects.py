"""What runs are about: one run at a time acts on a subject, and what is known of it outlives every run.

What was sent is read from the actions themselves, so memory and deeds cannot disagree.
"""

from datetime import datetime
from typing import Any

from django.utils import timezone
from pydantic import BaseModel

from runs import canonical, errors, gates, journal
from runs.engine import actions
from runs.engine.history import History
from runs.journal import Entry
from runs.models import Action, Run, Signal, Subject, Wait
from runs.states import ACTION_OPEN, ACTION_SENT, ActionStatus, RunStatus, WaitKind
from runs.tools import registry
from tenants import scoping

SLOT = "slot"
LOOK_AGAIN_S = 30.0  # a lost wake-up costs no more than this


class Deed(BaseModel):
    """One thing done about a subject that may be done once."""

    deed: str
    status: str  # done, claimed or outcome_unknown
    at: datetime
    what: dict[str, Any]  # its arguments
    run: str


class Standing(BaseModel):
    """What is known of a subject before acting on it."""

    subject: str
    facts: dict[str, Any]
    deeds: list[Deed]
    no_contact: str  # why it must not be contacted; empty when it may
    note: str = ""

    def did(self, deed: str) -> Deed | None:
        return next((known for known in self.deeds if known.deed == deed), None)


def take(run: Run, epoch: int, history: History) -> None:
    """Become the one run that acts on the subject; parks (raises `Suspend`) while another open run does."""
    past = history.visit(SLOT, ("wait.",))
    with scoping.tenant(run.tenant_id, durable=True):
        row = _locked(run.tenant_id, run.subject)
        if row.holder_id == run.pk:
            return
        if row.holder_id is None:
            _hold(row, run)
            if past is not None:
                body = {"of": "slot", "key": run.subject, "how": "its turn", "note": "its turn"}
                journal.append(run.pk, Entry(kind="wait.resolved", path=SLOT, body=body), epoch=epoch)
            return
        if past is not None and past.kind == "wait.opened":
            journal.park(run, epoch=epoch, status=RunStatus.WAITING, waiting_for=WaitKind.SLOT, ready_in_s=LOOK_AGAIN_S)
        else:
            _queue(run, epoch, str(row.holder_id))
    raise errors.Suspend


def _queue(run: Run, epoch: int, holder: str) -> None:
    body = {"of": "slot", "key": run.subject, "holder": holder, "note": "another run works on it"}
    entry = Entry(
        kind="wait.opened",
        path=SLOT,
        body=body,
        status=RunStatus.WAITING,
        waiting_for=WaitKind.SLOT,
        release=True,
        ready=journal.NEVER,
    )
    journal.append(run.pk, entry, epoch=epoch)


def hand_over(run: Run, following: Run) -> None:
    """`following` goes on where `run` stands, so it keeps its turn. Inside the operation's transaction."""
    Subject.objects.filter(tenant_id=run.tenant_id, key=run.subject, holder=run).update(holder=following)


def standing(tenant: Any, key: str) -> Standing:
    """What is known of `key` in the present tenant. Two queries."""
    row = Subject.objects.filter(tenant_id=tenant, key=key).first()
    barred = "" if row is None or row.no_contact_at is None else row.no_contact_why or "asked not to be contacted"
    return Standing(subject=key, facts=row.facts if row else {}, deeds=deeds(tenant, key), no_contact=barred)


def deeds(tenant: Any, key: str) -> list[Deed]:
    """What was done about `key`, or may have been, in the order of it. One query."""
    sent = Action.objects.filter(
        tenant_id=tenant, once__startswith=f"{key} ", status__in=ACTION_SENT | {ActionStatus.DONE}
    )
    return [
        Deed(
            deed=action.once.removeprefix(f"{key} "),
            status=action.status,
            at=action.claimed_at or action.created_at,
            what=canonical.parse(bytes(action.payload)),
            run=str(action.run_id),
        )
        for action in sent.order_by("claimed_at")
    ]


def remember(tenant: Any, key: str, facts: dict[str, Any]) -> None:
    """Write `facts` (name -> JSON) down for later runs."""
    row = _locked(tenant, key)
    row.facts = row.facts | facts
    row.updated_at = timezone.now()
    row.save(update_fields=["facts", "updated_at"])


def take_events(run: Run, name: str, path: str) -> list[Any]:
    """The values of all events `name` about the run's subject that no run has taken; they are taken now."""
    waiting = Signal.objects.filter(tenant_id=run.tenant_id, subject=run.subject, name=name, taken_by=None)
    found = list(waiting.order_by("id"))
    if found:
        row = Wait(tenant_id=run.tenant_id, run=run, path=path, kind=WaitKind.EVENT, key=name)
        row.resolved_at, row.resolution = timezone.now(), {"how": "taken", "value": len(found)}
        row.save(force_insert=True)
        waiting.filter(pk__in=[signal.pk for signal in found]).update(taken_by=row)
    return [signal.value for signal in found]


def barred(tenant: Any, key: str) -> Subject | None:
    """The subject, if it must not be contacted. Read inside the claim."""
    return Subject.objects.filter(tenant_id=tenant, key=key, no_contact_at__isnull=False).first()


def forbid_contact(tenant: Any, key: str, *, why: str, by: str) -> None:
    """From its commit on nothing more is sent to `key`; what was asked for and not sent is closed. Waits for claims.

    Repeating it keeps the first reason.
    """
    scoping.withdraw_permission()
    unsent = Action.objects.filter(tenant_id=tenant, run__subject=key, status__in=ACTION_OPEN).order_by("id")
    for action in list(unsent):
        tool = registry.get(action.tool)
        if tool.reaches is None or tool.reaches(registry.parsed(tool, action.payload)) != key:
            continue
        locked = actions.lock(action.pk)
        if locked.status in ACTION_OPEN:
            gates.gate().lock(locked)
            gates.gate().close(locked, "stale")
            actions.deny(locked, code="do_not_contact", reason=f"{by} asked not to be contacted: {why}"[:480])
    row = _locked(tenant, key)
    if row.no_contact_at is None:
        row.no_contact_at, row.no_contact_why, row.no_contact_by = timezone.now(), why[:500], by[:150]
        row.updated_at = row.no_contact_at
        row.save(update_fields=["no_contact_at", "no_contact_why", "no_contact_by", "updated_at"])


def _locked(tenant: Any, key: str) -> Subject:
    Subject.objects.bulk_create([Subject(tenant_id=tenant, key=key)], ignore_conflicts=True)
    return Subject.objects.select_for_update().get(tenant_id=tenant, key=key)


def _hold(row: Subject, run: Run) -> None:
    row.holder, row.updated_at = run, timezone.now()
    row.save(update_fields=["holder", "updated_at"])
