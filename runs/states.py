"""The states of runs, steps and actions, and the predicates that buttons, operations and errors share."""

from typing import Any

from django.db import models


class RunStatus(models.TextChoices):
    QUEUED = "queued", "Queued"  # ready; a worker will take it
    RUNNING = "running", "Running"  # a worker holds its lease
    WAITING = "waiting", "Waiting"  # parked on a Wait; costs nothing
    RETRYING = "retrying", "Retrying"  # a step failed and will be tried again by itself
    BLOCKED = "blocked", "Blocked"  # cannot go on by itself and says why
    PAUSED = "paused", "Paused"  # a person or used-up retries stopped it
    NEEDS_ATTENTION = "needs_attention", "Needs attention"  # outcome unknown or a failed compensation
    COMPENSATING = "compensating", "Undoing"  # compensations are being carried out
    DONE = "done", "Done"
    PARTLY_DONE = "partly_done", "Partly done"
    FAILED = "failed", "Failed"
    COMPENSATED = "compensated", "Undone"
    CANCELLED = "cancelled", "Cancelled"
    OVER_BUDGET = "over_budget", "Over budget"


class WaitKind(models.TextChoices):
    APPROVAL = "approval", "for a decision"
    TIMER = "timer", "for a time"
    EVENT = "event", "for an event"
    ANSWER = "answer", "for an answer"
    CHILD = "child", "for another run"
    SLOT = "slot", "for its turn"


class StepStatus(models.TextChoices):
    RUNNING = "running", "Running"
    WAITING = "waiting", "Waiting"
    RETRYING = "retrying", "Retrying"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    UNKNOWN = "unknown", "Outcome unknown"
    REFUSED = "refused", "Refused"


class ActionStatus(models.TextChoices):
    PROPOSED = "proposed", "Proposed"  # not yet decided by policy
    HELD = "held", "Held"  # an approval is open
    READY = "ready", "Ready"  # allowed or approved, not claimed
    CLAIMED = "claimed", "Being executed"  # intent committed; the effect may or may not have happened
    UNKNOWN = "outcome_unknown", "Outcome unknown"  # nobody knows
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    NOT_DONE = "not_done", "Not done"
    DENIED = "denied", "Refused"


class EffectClass(models.TextChoices):
    READ_ONLY = "read_only", "Reads only"
    REVERSIBLE = "reversible", "Can be undone"
    IRREVERSIBLE = "irreversible", "Cannot be undone"
    EGRESS = "egress", "Sends data out"


R, A = RunStatus, ActionStatus
RUN_FINAL = frozenset({R.DONE, R.PARTLY_DONE, R.FAILED, R.COMPENSATED, R.CANCELLED, R.OVER_BUDGET})
RUN_OPEN = frozenset(R) - RUN_FINAL
RUN_STANDING = frozenset({R.PAUSED, R.FAILED, R.CANCELLED})  # nothing happens until a person acts
ACTION_FINAL = frozenset({A.DONE, A.FAILED, A.NOT_DONE, A.DENIED})
ACTION_OPEN = frozenset({A.PROPOSED, A.HELD, A.READY})  # nothing was sent
ACTION_SENT = frozenset({A.CLAIMED, A.UNKNOWN})  # something may have been sent


def can_retry(run: Any) -> bool:
    """A linked run may go on from the failed step: this one stands still at it."""
    return run.status in (R.PAUSED, R.FAILED, R.BLOCKED) and run.failed_path != "" and run.direction == "forward"


def can_resume(run: Any) -> bool:
    return run.status in (R.PAUSED, R.BLOCKED)


def can_cancel(run: Any) -> bool:
    return run.status in RUN_OPEN and run.direction == "forward" and not run.stop_requested_at


def stops(run: Any) -> bool:
    """It was asked to stop while an action was being executed: nothing new begins, and it ends once that is over."""
    return run.stop_requested_at is not None and run.direction == "forward"


def can_compensate(run: Any, undoable: int) -> bool:
    """`undoable` is the number of done actions with a compensator that are not undone yet."""
    standing = run.status in RUN_FINAL | {R.PAUSED, R.NEEDS_ATTENTION} and run.status != R.COMPENSATED
    return standing and undoable > 0


def can_settle(action: Any) -> bool:
    return action.status == A.UNKNOWN
