"""From a claim to its receipt. The effect key is the action's id, the same for every attempt."""

import logging
import time
from collections.abc import Callable
from typing import Any

from django.utils import timezone

from runs import errors, journal, states
from runs.engine import actions, boundaries
from runs.engine.claim import Claimed, target_of
from runs.journal import Entry
from runs.models import Action, Attempt, Run
from runs.resilience import RetryPolicy
from runs.states import ACTION_SENT, ActionStatus, RunStatus
from runs.tools import registry
from tenants import flags, scoping

log = logging.getLogger(__name__)
AGAIN = RetryPolicy(attempts=3, first_s=1.0, most_s=8.0)
pause: Callable[[float], None] = time.sleep  # between attempts inside one claim; tests replace it


def execute(run: Run, claimed: Claimed, *, check_lease: Callable[[], None]) -> Action:
    """Send what was claimed, and record what came back: done, failed or outcome unknown.

    `check_lease` raises `LeaseLost`; it is asked right before every send. Within the claim the same key
    goes out again only after 429, after "could not be reached", or after 5xx to a tool that honours keys.
    """
    attempt = claimed.attempt
    try:
        tool = registry.get(claimed.action.tool)
        value = registry.parsed(tool, claimed.payload)
    except errors.HoldpointError as error:  # the code has changed since it was asked for; nothing was sent
        return failed(run.tenant_id, claimed.action.pk, attempt, error)
    while True:
        check_lease()
        boundaries.reached("send.before", claimed.action.pk)
        try:
            output = tool.send(value, str(claimed.action.pk))
            receipt = tool.output.model_validate(output).model_dump(mode="json")
        except errors.ToolError as error:
            again = _again(tool, error, attempt.number)
            if again is None:
                return _refused(run, claimed, attempt, tool, error)
            following = _resend(run, claimed, attempt, error, again)
            if following is None:
                return _refused(run, claimed, attempt, tool, error)
            attempt = following
        except Exception as error:
            log.exception("a tool crashed inside its claim", extra={"action": claimed.action.pk, "run": run.pk})
            return unknown(
                run.tenant_id, claimed.action.pk, attempt.epoch, f"The tool crashed: {type(error).__name__}."
            )
        else:
            boundaries.reached("send.answered", claimed.action.pk)
            action = done(run.tenant_id, claimed.action.pk, attempt, receipt)
            boundaries.reached("receipt.committed", claimed.action.pk)
            return action


def _again(tool: registry.Tool, error: errors.ToolError, number: int) -> float | None:
    certain = isinstance(error, errors.Unreachable | errors.Limited)
    if not certain and not (isinstance(error, errors.Unavailable) and tool.idempotent):
        return None
    return AGAIN.decide(error, number).delay_s


def _resend(run: Run, claimed: Claimed, attempt: Attempt, error: errors.ToolError, delay_s: float) -> Attempt | None:
    """Wait, look at lease and stops again, close this attempt and open the next; None when a stop is on or asked for by now."""
    pause(delay_s)
    with scoping.tenant(run.tenant_id, durable=True):
        scoping.share_permission()
        action = actions.lock(claimed.action.pk)
        if states.stops(Run.objects.get(tenant_id=run.tenant_id, pk=run.pk)) or flags.stopped(target_of(run, action)):
            return None
        _finish(attempt, error.code, error.message)
        following = Attempt(tenant_id=run.tenant_id, action=action, number=attempt.number + 1, epoch=attempt.epoch)
        following.save(force_insert=True)
        body = {"action": str(action.pk), "attempt": following.number, "because": error.message, "delay_s": delay_s}
        journal.append(run.pk, Entry(kind="action.resent", path=action.path, body=body), epoch=attempt.epoch)
    return following


def _refused(run: Run, claimed: Claimed, attempt: Attempt, tool: registry.Tool, error: errors.ToolError) -> Action:
    """The last answer was no receipt: failed when certainly nothing was done, else unknown."""
    if isinstance(error, errors.Declined | errors.Unreachable | errors.Limited):
        return failed(run.tenant_id, claimed.action.pk, attempt, error)
    return unknown(run.tenant_id, claimed.action.pk, attempt.epoch, error.message, attempt)


def done(tenant: Any, action_id: Any, attempt: Attempt, receipt: dict[str, Any]) -> Action:
    """Store the receipt. A late one of the same attempt settles an unknown outcome, whoever holds the run now."""
    with scoping.tenant(tenant, durable=True):
        action = actions.lock(action_id)
        if action.status == ActionStatus.NOT_DONE and action.claim_epoch == attempt.epoch:
            return _contradicted(action, attempt, receipt)
        action = _own(action_id, attempt.epoch)
        late = action.status == ActionStatus.UNKNOWN
        action.receipt, action.finished_at, action.error = receipt, journal.clock(), None
        actions.move(action, ACTION_SENT, ActionStatus.DONE, "receipt", "finished_at", "error")
        _finish(attempt, "done", "")
        body = {"action": str(action.pk), "receipt": receipt, "attempt": attempt.number, "late": late}
        if late:
            _go_on(action, Entry(kind="action.done", path=action.path, body=body, about="approval"))
        else:
            journal.append(action.run_id, Entry(kind="action.done", path=action.path, body=body, about="approval"))
    return action


def _contradicted(action: Action, attempt: Attempt, receipt: dict[str, Any]) -> Action:
    """A receipt for what a person settled as not done. That is final; the effect exists, and the run says so."""
    why = "A receipt came late: it was done, although it was settled as not done. Look before you send it again."
    log.error("a receipt contradicts a settlement", extra={"action": action.pk, "run": action.run_id})
    run = Run.objects.select_for_update().get(tenant_id=action.tenant_id, pk=action.run_id)
    stands = run.status == RunStatus.PAUSED and run.failed_path == action.path
    told = {"code": "contradicted", "message": why, "path": action.path}
    body = {"action": str(action.pk), "receipt": receipt, "attempt": attempt.number, "note": why}
    _finish(attempt, "done", "after it was settled as not done")
    changes = {"error": told} if stands else {}
    journal.append(run.pk, Entry(kind="action.contradicted", path=action.path, body=body, run=changes))
    return action


def failed(tenant: Any, action_id: Any, attempt: Attempt, error: errors.HoldpointError) -> Action:
    """The outside world said no, or nothing was sent: certainly nothing was done."""
    with scoping.tenant(tenant, durable=True):
        action = _own(action_id, attempt.epoch)
        action.error, action.finished_at = {"code": error.code, "message": error.message}, timezone.now()
        actions.move(action, ACTION_SENT, ActionStatus.FAILED, "error", "finished_at")
        _finish(attempt, error.code, error.message)
        body = {"action": str(action.pk), "error": action.error, "attempt": attempt.number, "note": error.message}
        journal.append(action.run_id, Entry(kind="action.failed", path=action.path, body=body, about="approval"))
    return action


def unknown(tenant: Any, action_id: Any, epoch: int, why: str, attempt: Attempt | None = None) -> Action:
    """Nobody knows. It is never sent again by itself; the run stands until a person settles it."""
    with scoping.tenant(tenant, durable=True):
        action = _own(action_id, epoch)
        if attempt is not None:
            _finish(attempt, "unclear", why)
        mark_unknown(action, why)
    return action


def mark_unknown(action: Action, why: str) -> None:
    """claimed -> outcome unknown, with the lock held; gives the run's lease back."""
    action.error = {"code": "unclear", "message": why}
    actions.move(action, {ActionStatus.CLAIMED}, ActionStatus.UNKNOWN, "error")
    entry = Entry(
        kind="action.unknown",
        path=action.path,
        body={"action": str(action.pk), "why": why, "note": why},
        status=RunStatus.NEEDS_ATTENTION,
        ready=journal.NEVER,
        release=True,
        fence_off=True,
        run={"error": {"code": "outcome_unknown", "message": why, "path": action.path}, "failed_path": action.path},
        about="approval",
    )
    journal.append(action.run_id, entry)


def _own(action_id: Any, epoch: int) -> Action:
    """The locked action of our own claim. Raises `LeaseLost` when the outcome is no longer ours to tell."""
    action = actions.lock(action_id)
    if action.claim_epoch != epoch or action.status not in ACTION_SENT:
        raise errors.LeaseLost(f"action {action_id}: settled by others")
    return action


def _go_on(action: Action, entry: Entry) -> None:
    run = Run.objects.select_for_update().get(tenant_id=action.tenant_id, pk=action.run_id)
    waits = run.status == RunStatus.NEEDS_ATTENTION and run.failed_path == action.path
    status, ready = (actions.going_status(run), journal.NOW) if waits else ("", journal.KEEP)
    changes = {"error": None, "failed_path": ""} if waits else {}
    told = Entry(
        kind=entry.kind, path=entry.path, body=entry.body, about=entry.about, status=status, ready=ready, run=changes
    )
    journal.append(action.run_id, told)


def _finish(attempt: Attempt, outcome: str, detail: str) -> None:
    Attempt.objects.filter(tenant_id=attempt.tenant_id, pk=attempt.pk).update(
        finished_at=timezone.now(), outcome=outcome, detail=detail[:500]
    )


def settle(action: Action, *, outcome: str, receipt: dict[str, Any] | None, told: dict[str, Any]) -> None:
    """outcome unknown -> done or not done, with the lock held. The run goes on, or pauses at the step."""
    known = outcome == "done"
    action.finished_at = journal.clock()
    action.receipt = (receipt or settled_receipt(action, told)) if known else None
    action.error = None if known else {"code": "not_done", "message": "A person settled that it was not done."}
    to = ActionStatus.DONE if known else ActionStatus.NOT_DONE
    actions.move(action, {ActionStatus.UNKNOWN}, to, "finished_at", "receipt", "error")
    body = {"action": str(action.pk), "outcome": outcome, "receipt": action.receipt, "error": action.error, **told}
    _go_on(action, Entry(kind="action.settled", path=action.path, body=body, about="approval"))


def settled_receipt(action: Action, told: dict[str, Any]) -> dict[str, Any]:
    """A receipt by hand, in the tool's shape as far as the arguments tell it; it says that a person wrote it."""
    given = registry.parsed(registry.get(action.tool), bytes(action.payload)).model_dump(mode="json")
    shape = registry.get(action.tool).output.model_fields
    receipt = {name: given.get(name, f"by hand: {told.get('evidence', '')}"[:200]) for name in shape}
    return receipt | {"settled_by": told.get("name", ""), "evidence": told.get("evidence", "")}
