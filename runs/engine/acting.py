"""One action on its way: propose, wait for people, claim, send. Each replay picks it up where it stands."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from runs import errors, gates, journal, states
from runs.engine import actions, sending
from runs.engine.claim import Refused, claim
from runs.engine.history import History
from runs.journal import Entry
from runs.models import Action, Run
from runs.resilience import RetryPolicy
from runs.states import ACTION_FINAL, ActionStatus, RunStatus, WaitKind
from runs.tools import registry
from runs.tools.registry import Tool
from tenants import scoping

VERIFY_AGAIN = RetryPolicy(attempts=4)
LOOK_AGAIN_S = 2.0  # while a stop is on, or the present state cannot be read
A = ActionStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the workflow, or a compensation, asks for."""

    path: str
    tool: Tool
    arguments: Any
    context: dict[str, Any]
    requested_by_id: Any = None
    compensates_id: Any = None
    once: str = ""  # the subject and the deed that may be done once about it


def carry_out(run: Run, epoch: int, history: History, wanted: Wanted, check_lease: Callable[[], None]) -> Any:
    """The typed receipt; raises `ActionRefused`, `ActionFailed`, or parks by `Suspend`."""
    past = history.visit(wanted.path, ("action.",))
    if past is not None and past.body.get("receipt") and past.kind in ("action.done", "action.settled"):
        return wanted.tool.output.model_validate(past.body["receipt"])
    if past is None:
        history.check_complete(wanted.path)
    check_lease()
    action = _find(run, wanted.path) or _propose(run, epoch, wanted)
    if action.status == A.READY:
        action = _execute(run, epoch, action, wanted.tool, check_lease)
        if action.status in ACTION_FINAL:
            _heed_stop(run)
    return _told(run, epoch, action, wanted)


def done_action(run: Run, history: History, path: str) -> str:
    """The id of the done action at `path`, in this run or in the one it continues."""
    action, past = _find(run, path), history.visit(path, ("action.",))
    return str(action.pk) if action is not None else past.body["action"] if past is not None else ""


def check(tenant: str, action_id: str) -> str:
    """What the tool sees of its effect. Raises `NotVerified`: what nobody saw is not called done."""
    with scoping.tenant(uuid.UUID(tenant)):
        action = Action.objects.get(tenant_id=tenant, pk=action_id)
    tool = registry.get(action.tool)
    if tool.verify is None:
        return "It needs no look."
    receipt = tool.output.model_validate(action.receipt)
    found = tool.verify(registry.parsed(tool, action.payload), receipt, str(action.pk))
    if not found.ok:
        raise errors.NotVerified(found.detail)
    return found.detail


def mark_verified(tenant: Any, action_id: str) -> None:
    """Inside the transaction that journals the look."""
    told = {"ok": True, "at": journal.clock().isoformat()}
    Action.objects.filter(tenant_id=tenant, pk=action_id).update(verified=told)


def _heed_stop(run: Run) -> None:
    """The outcome is known: a stop that was requested meanwhile ends the run before anything new begins."""
    with scoping.tenant(run.tenant_id):
        if states.stops(Run.objects.get(tenant_id=run.tenant_id, pk=run.pk)):
            raise errors.StopRequested(f"run {run.pk}")


def _find(run: Run, path: str) -> Action | None:
    with scoping.tenant(run.tenant_id):
        return Action.objects.filter(tenant_id=run.tenant_id, run=run, path=path).first()


def _propose(run: Run, epoch: int, wanted: Wanted) -> Action:
    value, payload = registry.checked(wanted.tool, wanted.arguments)
    snapshot = None
    if wanted.tool.snapshot is not None:
        snapshot = _present(run, epoch, wanted.tool, value)
    with scoping.tenant(run.tenant_id, durable=True):
        return actions.propose(
            run,
            epoch=epoch,
            path=wanted.path,
            tool=wanted.tool,
            payload=payload,
            context=wanted.context | {"snapshot": snapshot},
            requested_by_id=wanted.requested_by_id,
            compensates_id=wanted.compensates_id,
            once=wanted.once,
        )


def _present(run: Run, epoch: int, tool: Tool, value: Any) -> dict[str, Any]:
    """The target as it is now. When it cannot be read the run parks and looks again: no guess, no gap."""
    try:
        return tool.snapshot(value) if tool.snapshot else {}
    except errors.ToolError as error:
        _block(run, epoch, f"The present state of the target cannot be read: {error.message}")
        raise errors.Suspend from error


def _execute(run: Run, epoch: int, action: Action, tool: Tool, check_lease: Callable[[], None]) -> Action:
    then = action.context.get("snapshot")
    if tool.snapshot is not None and then is not None:
        now = _present(run, epoch, tool, registry.parsed(tool, action.payload))
        if now != then:
            return _stale(run, action, then, now)
    try:
        claimed = claim(run, action.pk, epoch=epoch, digest=action.digest)
    except Refused as refused:
        return _not_now(run, epoch, action, refused.refusal)
    return sending.execute(run, claimed, check_lease=check_lease)


def _stale(run: Run, action: Action, then: dict[str, Any], now: dict[str, Any]) -> Action:
    changed = ", ".join(
        f"{key} was {then.get(key)} and is {now.get(key)}" for key in now if now.get(key) != then.get(key)
    )
    with scoping.tenant(run.tenant_id, durable=True):
        locked = actions.lock(action.pk)
        gates.gate().lock(locked)
        if locked.status != A.READY:
            return locked
        gates.gate().close(locked, "stale")
        actions.deny(locked, code="stale", reason=f"The target changed since it was asked: {changed}.")
    return locked


def _not_now(run: Run, epoch: int, action: Action, refusal: gates.Refusal) -> Action:
    """What a refused claim leads to. Nothing was sent, and nothing is lost."""
    if refusal.code == "too_early" and refusal.not_before is not None:
        with scoping.tenant(run.tenant_id, durable=True):
            wait = max((refusal.not_before - journal.clock()).total_seconds(), 0.05)
            status = actions.waiting_status(run)
            journal.park(run, epoch=epoch, status=status, waiting_for=WaitKind.APPROVAL, ready_in_s=wait)
        raise errors.Suspend
    if refusal.code in ("killed", "gate_crashed"):
        _block(run, epoch, refusal.why, path=action.path, code="stopped" if refusal.code == "killed" else "blocked")
        raise errors.Suspend
    return _ask_again(run, epoch, action, refusal)


def _ask_again(run: Run, epoch: int, action: Action, refusal: gates.Refusal) -> Action:
    """Close the request, or give it back to people, unless what was missing is there again by now."""
    with scoping.tenant(run.tenant_id, durable=True):
        scoping.share_permission()
        locked = actions.lock(action.pk)
        gates.gate().lock(locked)
        if locked.status != A.READY:
            return locked
        now = refusal if refusal.final else gates.gate().permit(locked, locked.digest)
        if isinstance(now, gates.Permit):
            journal.park(run, epoch=epoch, status=actions.going_status(run), waiting_for="", ready_in_s=0)
        elif now.final:
            gates.gate().close(locked, now.code)
            actions.deny(locked, code=now.code, reason=now.why)
        else:
            verdict = gates.gate().reopen(locked, now)
            actions.rehold(locked, why=now.why, verdict=verdict)
    return locked


def _block(run: Run, epoch: int, why: str, path: str = "", code: str = "blocked") -> None:
    """Park as blocked and look again soon; journalled once, not at every look."""
    with scoping.tenant(run.tenant_id, durable=True):
        now = Run.objects.get(tenant_id=run.tenant_id, pk=run.pk)
        error = {"code": code, "message": why, "path": path}
        if now.error != error:
            kind = "action.stopped" if path else "run.blocked"
            entry = Entry(
                kind=kind, path=path, body={"why": why, "note": why}, status=RunStatus.BLOCKED, run={"error": error}
            )
            journal.append(run.pk, entry, epoch=epoch)
        journal.park(run, epoch=epoch, status=RunStatus.BLOCKED, waiting_for="", ready_in_s=LOOK_AGAIN_S)


def _told(run: Run, epoch: int, action: Action, wanted: Wanted) -> Any:
    """What the workflow learns of where the action stands."""
    if action.status == A.DONE:
        return wanted.tool.output.model_validate(action.receipt)
    error = action.error or {"code": action.status, "message": ""}
    if action.status == A.DENIED:
        raise errors.ActionRefused(wanted.path, action.refused_code, error["message"])
    if action.status in (A.FAILED, A.NOT_DONE):
        raise errors.ActionFailed(wanted.path, error)
    if action.status == A.HELD:
        with scoping.tenant(run.tenant_id, durable=True):
            if Run.objects.filter(
                tenant_id=run.tenant_id, pk=run.pk, lease_epoch=epoch, lease_worker__isnull=False
            ).exists():
                actions.reopen_request(run, action, epoch=epoch)
    elif action.status == A.CLAIMED:
        raise errors.LeaseLost(f"action {action.pk} is being executed under another lease")
    raise errors.Suspend
