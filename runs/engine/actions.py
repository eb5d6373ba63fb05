"""The life of an action outside of its claim: proposed, held, released, refused, settled. One function, one transition.

All of these run inside the transaction of the action's tenant, lock the action before anything else
(lock order: advisory locks, action, approval, run) and write the journal in the same transaction.
"""

import logging
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from runs import canonical, errors, gates, journal
from runs.journal import Entry
from runs.models import Action, Run, Wait
from runs.states import ACTION_OPEN, ACTION_SENT, ActionStatus, RunStatus, WaitKind
from runs.tools.registry import Tool

log = logging.getLogger(__name__)


def lock(action_id: Any) -> Action:
    """The action, locked until the transaction ends. Raises `NotFound`."""
    found = Action.objects.select_for_update().filter(pk=action_id).first()
    if found is None:
        raise errors.NotFound("There is no action with this id here.")
    return found


def lock_unfinished(run_id: Any) -> Run | None:
    """Every unfinished action of the run and then the run, locked in this order; None when there is no such run.

    An action that was proposed between the two would be locked after its run, which is the wrong way round and
    a deadlock with its claim: we then let go of all of them and begin again.
    """
    unfinished = Action.objects.filter(run_id=run_id, status__in=ACTION_OPEN | ACTION_SENT)
    while True:
        mark = transaction.savepoint()
        held = {action.pk for action in unfinished.select_for_update().order_by("id")}
        run = Run.objects.select_for_update(of=("self",)).select_related("workflow").filter(pk=run_id).first()
        if set(unfinished.values_list("pk", flat=True)) <= held:
            transaction.savepoint_commit(mark)
            return run
        transaction.savepoint_rollback(mark)


def propose(run: Run, *, epoch: int, path: str, tool: Tool, payload: bytes, **facts: Any) -> Action:
    """Write the action and put it through the gate: ready, held (the run parks) or denied.

    `facts` are context, requested_by and compensates. A gate that crashes holds, and says so.
    """
    payload_hash = canonical.payload_hash(payload)
    action = Action(tenant_id=run.tenant_id, run=run, path=path, tool=tool.name, tool_version=tool.version, **facts)
    action.effect, action.payload, action.payload_hash = tool.effect, payload, payload_hash
    action.digest = canonical.digest(
        payload_hash=payload_hash,
        tool=tool.name,
        tool_version=tool.version,
        tenant=run.tenant_id,
        requester=str(action.requested_by_id or run.started_by_id or "agent"),
        action=action.pk,
    )
    action.save(force_insert=True)
    body = {"action": str(action.pk), "tool": tool.name, "payload_hash": payload_hash, "digest": action.digest}
    proposed = Entry(kind="action.proposed", path=path, body=body)
    verdict = _decide(action)
    action.verdict = _told(verdict)
    if verdict.result == gates.ALLOW:
        action.status = ActionStatus.READY
        action.save(update_fields=["status", "verdict"])
        told = Entry(kind="action.allowed", path=path, body={"action": str(action.pk), "verdict": action.verdict})
        journal.append(run.pk, proposed, told, epoch=epoch)
    elif verdict.result == gates.DENY:
        action.save(update_fields=["verdict"])
        journal.append(run.pk, proposed, epoch=epoch)
        deny(action, code="denied", reason=verdict.why)
    else:
        _hold(run, action, verdict, proposed, epoch)
    return action


def _decide(action: Action) -> gates.Verdict:
    try:
        with transaction.atomic():
            return gates.gate().decide(action)
    except Exception as error:
        log.exception("the gate crashed; the action is held", extra={"action": action.pk})
        why = f"The policy could not be read ({type(error).__name__}), so it is held."
        return gates.Verdict(result=gates.HOLD, rule="policy crashed", why=why)


def _hold(run: Run, action: Action, verdict: gates.Verdict, proposed: Entry, epoch: int) -> None:
    action.status = ActionStatus.HELD
    action.save(update_fields=["status", "verdict"])
    body: dict[str, Any] = {"action": str(action.pk), "verdict": action.verdict, "note": "held"}
    try:
        with transaction.atomic():
            action.expires_at = gates.gate().hold(action, verdict)
    except Exception as error:
        log.exception("the request could not be opened; the action stays held", extra={"action": action.pk})
        body["note"] = f"no request could be opened: {error}"[:200]
        blocked = Entry(kind="action.held", path=action.path, body=body, status=RunStatus.BLOCKED, release=True)
        journal.append(run.pk, proposed, blocked, epoch=epoch)
        return
    action.save(update_fields=["expires_at"])
    Wait(
        tenant_id=run.tenant_id,
        run=run,
        path=action.path,
        kind=WaitKind.APPROVAL,
        key=str(action.pk),
        due_at=action.expires_at,
    ).save(force_insert=True)
    held = Entry(
        kind="action.held",
        path=action.path,
        body=body,
        status=waiting_status(run),
        waiting_for=WaitKind.APPROVAL,
        release=True,
        about="approval",
    )
    journal.append(run.pk, proposed, held, epoch=epoch)


def reopen_request(run: Run, action: Action, *, epoch: int) -> None:
    """Ask the gate again for an action that is held without a request, because the gate had crashed."""
    if Wait.objects.filter(tenant_id=run.tenant_id, run=run, path=action.path).exists():
        journal.park(run, epoch=epoch, status=waiting_status(run), waiting_for=WaitKind.APPROVAL, ready_in_s=None)
        return
    again = Entry(kind="action.asked_again", path=action.path, body={"action": str(action.pk)})
    _hold(run, action, _decide(action), again, epoch)


def waiting_status(run: Run) -> str:
    return RunStatus.COMPENSATING if run.direction == "undo" else RunStatus.WAITING


def going_status(run: Run) -> str:
    return RunStatus.COMPENSATING if run.direction == "undo" else RunStatus.QUEUED


def release(action: Action, *, by: list[str], hold_window_s: float) -> None:
    """The quorum stands: held -> ready, and the run goes on after the hold window. The caller holds the lock."""
    action.not_before = journal.clock() + timedelta(seconds=hold_window_s) if hold_window_s else None
    move(action, {ActionStatus.HELD}, ActionStatus.READY, "not_before")
    _resolve(action, {"how": "decided", "value": "approved"})
    ready = action.not_before.isoformat() if action.not_before else journal.NOW
    note = "approved, held" if action.not_before else "approved"
    body = {"action": str(action.pk), "digest": action.digest, "by": by, "note": note}
    _tell(action, "action.approved", body, ready=ready)


def rehold(action: Action, *, why: str, verdict: gates.Verdict) -> None:
    """Permission was withdrawn before the claim: ready -> held, and people decide it under the present `verdict`.

    The gate has set `expires_at` when it had to open a request: what had been allowed had none.
    """
    action.verdict = _told(verdict) | {"result": gates.HOLD}
    move(action, {ActionStatus.READY}, ActionStatus.HELD, "verdict", "expires_at")
    Wait.objects.update_or_create(
        tenant_id=action.tenant_id,
        run_id=action.run_id,
        path=action.path,
        defaults={"resolved_at": None, "resolution": None, "due_at": action.expires_at},
        create_defaults={"kind": WaitKind.APPROVAL, "key": str(action.pk), "due_at": action.expires_at},
    )
    entry = Entry(
        kind="action.reheld",
        path=action.path,
        body={"action": str(action.pk), "why": why, "note": why},
        status=waiting_status(action.run),
        waiting_for=WaitKind.APPROVAL,
        ready=journal.NEVER,
        release=True,
        about="approval",
    )
    journal.append(action.run_id, entry)


def deny(action: Action, *, code: str, reason: str, by: str = "", wake: bool = True) -> None:
    """Refused before anything was sent. The workflow learns `code` and `reason`; `wake=False` when its run ends anyway."""
    action.refused_code, action.error = code, {"code": code, "message": reason}
    action.finished_at = timezone.now()
    move(action, ACTION_OPEN, ActionStatus.DENIED, "refused_code", "error", "finished_at")
    _resolve(action, {"how": "decided" if code == "rejected" else "closed", "value": code})
    body = {"action": str(action.pk), "code": code, "reason": reason, "by": by, "note": code}
    if wake:
        _tell(action, "action.denied", body, ready=journal.NOW)
    else:
        journal.append(action.run_id, Entry(kind="action.denied", path=action.path, body=body, about="approval"))


def _tell(action: Action, kind: str, body: dict[str, Any], *, ready: str) -> None:
    run = Run.objects.select_for_update().get(tenant_id=action.tenant_id, pk=action.run_id)
    leased = run.lease_worker_id is not None
    entry = Entry(
        kind=kind,
        path=action.path,
        body=body,
        status="" if leased else going_status(run),
        ready=ready,  # also while it is leased: it is then claimed again once given back
        about="approval",
    )
    journal.append(action.run_id, entry)


def move(action: Action, expect: Any, to: str, *fields: str) -> None:
    """Compare-and-set under the lock the caller holds; exactly one row, or `Conflict`."""
    values = {name: getattr(action, name) for name in fields}
    changed = Action.objects.filter(tenant_id=action.tenant_id, pk=action.pk, status__in=expect).update(
        status=to, **values
    )
    if changed != 1:
        raise errors.Conflict("The action is no longer in a state that allows this. Look at it again.")
    action.status = to


def _resolve(action: Action, resolution: dict[str, Any]) -> None:
    Wait.objects.filter(tenant_id=action.tenant_id, run_id=action.run_id, path=action.path, resolved_at=None).update(
        resolved_at=timezone.now(), resolution=resolution
    )


def _told(verdict: gates.Verdict) -> dict[str, Any]:
    return {
        "result": verdict.result,
        "rule": verdict.rule,
        "why": verdict.why,
        "policy_version": verdict.policy_version,
        "quorum": verdict.quorum,
        "deciders": list(verdict.deciders),
    }
